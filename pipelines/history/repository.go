package history

import (
	"context"
	"os"
	"os/exec"
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
