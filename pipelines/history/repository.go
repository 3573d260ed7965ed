package history

import (
	"context"
	"errors"
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

func sameFolder(a, b string) bool {
	left, errLeft := os.Stat(a)
	right, errRight := os.Stat(b)
	return errLeft == nil && errRight == nil && os.SameFile(left, right)
}
