package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// repository is a working copy that git is asked about.
type repository struct{ root string }

// isTop reports whether root is the top level of a git repository: one above it
// is somebody else's.
func (r repository) isTop(ctx context.Context) bool {
	top, err := r.git(ctx, "rev-parse", "--show-toplevel")
	return err == nil && sameFolder(top, r.root)
}

// unread returns why git says nothing of a repository that is there, and what to do; empty
// where git reads it, and where root is not the top of a repository at all.
func (r repository) unread(ctx context.Context) string {
	if _, err := os.Lstat(filepath.Join(r.root, ".git")); err != nil {
		return ""
	}
	_, err := r.git(ctx, "rev-parse", "--show-toplevel")
	if errors.Is(err, exec.ErrNotFound) {
		return "the git command is not there: install git"
	}
	var failed *exec.ExitError
	if !errors.As(err, &failed) {
		return ""
	}
	said, _, _ := strings.Cut(strings.TrimSpace(string(failed.Stderr)), "\n")
	remedy := "look at what git status says"
	if strings.Contains(said, "dubious ownership") { // git 2.35.2 on: the repository is another user's
		remedy = "run git config --global --add safe.directory " + r.root
	}
	return "git does not read the repository (" + said + "): " + remedy
}

func (r repository) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "-C", r.root}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	return c
}

// git returns what the command prints, without the line ends behind it.
func (r repository) git(ctx context.Context, args ...string) (string, error) {
	out, err := r.command(ctx, args...).Output()
	return strings.TrimRight(string(out), "\n"), err
}

// commitOf returns the commit of a name; empty where the clone does not have it.
func (r repository) commitOf(ctx context.Context, name string) string {
	commit, err := r.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return ""
	}
	return commit
}

func (r repository) has(ctx context.Context, name string) bool { return r.commitOf(ctx, name) != "" }

// isCut reports whether the clone ends at HEAD.
func (r repository) isCut(ctx context.Context) bool {
	shallow, err := r.git(ctx, "rev-parse", "--is-shallow-repository")
	return err == nil && shallow == "true" && !r.has(ctx, "HEAD^1")
}

// differing returns the paths, from the root, of the files that match one of the patterns of
// git's glob and are another in the working copy than in a commit, the last of arguments.
func (r repository) differing(ctx context.Context, patterns []string, arguments ...string) ([]string, error) {
	all := append([]string{"diff", "--name-only", "-z", "--no-renames", "--no-ext-diff"}, append(arguments, "--")...)
	for _, pattern := range patterns {
		all = append(all, ":(top,glob)"+pattern)
	}
	listed, err := r.git(ctx, all...)
	if err != nil {
		return nil, fmt.Errorf("git diff: %w", err)
	}
	return strings.FieldsFunc(listed, func(r rune) bool { return r == 0 }), nil
}

func sameFolder(a, b string) bool {
	left, errLeft := os.Stat(a)
	right, errRight := os.Stat(b)
	return errLeft == nil && errRight == nil && os.SameFile(left, right)
}
