package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// Repository is a working copy, and what git says of it as a whole.
type Repository struct {
	root string
	// top means that root is the top level of a repository that git reads: one above it is
	// somebody else's.
	top bool
	// Unread is why git says nothing of a repository that is there, and what to do; empty
	// where git reads it, and where root is not the top of a repository at all.
	Unread string
	// commits are the ids of HEAD and of those of its parents that the clone has; none
	// before the first commit. shallow means that the clone ends somewhere.
	commits []string
	shallow bool
}

// Open asks git about the working copy at root.
func Open(ctx context.Context, root string) Repository {
	r := Repository{root: root}
	said, err := r.git(ctx, "rev-parse", "--is-shallow-repository", "--show-toplevel", "--revs-only", "HEAD", "HEAD^@")
	if err != nil {
		r.Unread = r.whyUnread(err)
		return r
	}
	shallow, said, _ := strings.Cut(said, "\n")
	said, commits := commitsBehind(said)
	if r.top = sameFolder(said, root); r.top {
		r.shallow, r.commits = shallow == "true", commits
	}
	return r
}

// Head returns the id of the commit that is checked out; empty before the first one, and
// where git does not read the repository.
func (r Repository) Head() string {
	if len(r.commits) == 0 {
		return ""
	}
	return r.commits[0]
}

var commitLines = regexp.MustCompile(`(\n[0-9a-f]{40,64})*$`)

// commitsBehind takes the lines at the end that are ids of commits off.
func commitsBehind(said string) (rest string, commits []string) {
	at := commitLines.FindStringIndex(said)[0]
	return said[:at], strings.Fields(said[at:])
}

func (r Repository) whyUnread(err error) string {
	if _, missing := os.Lstat(filepath.Join(r.root, ".git")); missing != nil {
		return ""
	}
	if errors.Is(err, exec.ErrNotFound) {
		return "the git command is not there: install git"
	}
	failed, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return ""
	}
	said, _, _ := strings.Cut(strings.TrimSpace(string(failed.Stderr)), "\n")
	remedy := "look at what git status says"
	if strings.Contains(said, "dubious ownership") { // git 2.35.2 on: the repository is another user's
		remedy = "run git config --global --add safe.directory " + r.root
	}
	return "git does not read the repository (" + said + "): " + remedy
}

func (r Repository) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, "git", append([]string{"--no-optional-locks", "-C", r.root}, args...)...)
	c.Env = append(os.Environ(), "LC_ALL=C")
	return c
}

// git returns what the command prints, without the line ends behind it. The error has the
// first line of what git says of it.
func (r Repository) git(ctx context.Context, args ...string) (string, error) {
	out, err := r.command(ctx, args...).Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && len(failed.Stderr) > 0 {
		said, _, _ := strings.Cut(strings.TrimSpace(string(failed.Stderr)), "\n")
		err = fmt.Errorf("%w: %s", err, said)
	}
	return strings.TrimRight(string(out), "\n"), err
}

// commitOf returns the commit of a name; empty where the clone does not have it.
func (r Repository) commitOf(ctx context.Context, name string) string {
	commit, err := r.git(ctx, "rev-parse", "--verify", "--quiet", "--end-of-options", name+"^{commit}")
	if err != nil {
		return ""
	}
	return commit
}

// isCut reports whether the clone ends at HEAD.
func (r Repository) isCut() bool { return r.shallow && len(r.commits) == 1 }

// differing returns the paths, from the root, of the files that match one of the patterns of
// git's glob and are another in the working copy than in a commit, the last of arguments.
func (r Repository) differing(ctx context.Context, patterns []string, arguments ...string) ([]string, error) {
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
