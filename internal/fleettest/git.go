package fleettest

import (
	"os"
	"os/exec"
	"testing"
)

// Commit commits all that is in the repository, which becomes one of git where it is
// none.
func (r Repo) Commit(t testing.TB) {
	t.Helper()
	r.Git(t, "init", "-q")
	r.Git(t, "add", "-A")
	r.Git(t, "commit", "-qm", "built")
}

// Git runs the git command in the repository, without the user's configuration.
func (r Repo) Git(t testing.TB, args ...string) {
	t.Helper()
	c := exec.Command("git", append([]string{"-C", r.Root, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
}
