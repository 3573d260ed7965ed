package history_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/history"
)

func git(t *testing.T, root string, args ...string) string {
	t.Helper()
	c := exec.Command("git", append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	at := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A folder's name may have characters that mean something in a pattern: nothing
// may be passed over for that.
func TestChanged(t *testing.T) {
	const dir = `odd [a]*?\dir`
	root := t.TempDir()
	git(t, root, "init", "-q")
	for _, name := range []string{"same", "edited", "deleted"} {
		write(t, root, dir+"/"+name+"/lock.yaml", name+" before\n\n")
	}
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "before")
	first := git(t, root, "rev-parse", "HEAD")
	write(t, root, dir+"/edited/lock.yaml", "now")
	write(t, root, dir+"/new/lock.yaml", "now")
	if err := os.Remove(filepath.Join(root, dir, "deleted", "lock.yaml")); err != nil {
		t.Fatal(err)
	}
	look := func(against string) []map[string][]byte {
		t.Helper()
		before, err := history.Find(t.Context(), root, against)
		if err != nil || before.Unknown != "" {
			t.Fatal(before.Unknown, err)
		}
		changed, err := before.Changed(t.Context(), history.Literal(dir)+"/*/lock.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	want := func(files map[string][]byte) {
		t.Helper()
		if len(files) != 2 || string(files[dir+"/edited/lock.yaml"]) != "edited before\n\n" || string(files[dir+"/deleted/lock.yaml"]) != "deleted before\n\n" {
			t.Errorf("%q", files)
		}
	}
	want(look("")[0])
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "now")
	changed := look("")
	if len(changed) != 2 || len(changed[0]) > 0 {
		t.Fatalf("%q", changed)
	}
	want(changed[1])
	git(t, root, "commit", "-qm", "later", "--allow-empty")
	want(look(first)[1])
}

func TestWithoutGit(t *testing.T) {
	before, err := history.Find(t.Context(), t.TempDir(), "")
	if err != nil || before.Commits() != 0 || before.Unknown != "" {
		t.Errorf("%+v, %v", before, err)
	}
	if at := history.OpenDates(t.Context(), t.TempDir()).Changed(t.Context(), "a"); at != "" {
		t.Error(at)
	}
}
