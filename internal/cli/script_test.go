package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the real binary as a person does, on a clone of the example:
// testdata/script.
func TestScripts(t *testing.T) {
	repo, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "kasou", "kasou/ci")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("KASOU_CACHE", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			for _, who := range []string{"AUTHOR", "COMMITTER"} {
				env.Setenv("GIT_"+who+"_NAME", "A Person")
				env.Setenv("GIT_"+who+"_EMAIL", "person@example.com")
			}
			for _, folder := range []string{"clusters", "charts"} {
				if err := os.CopyFS(filepath.Join(env.WorkDir, "repo", folder), os.DirFS(filepath.Join(repo, folder))); err != nil {
					return err
				}
			}
			return initGit(filepath.Join(env.WorkDir, "repo"))
		},
	})
}

func initGit(dir string) error {
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"},
		{"add", "-A"},
		{"-c", "user.name=A Person", "-c", "user.email=person@example.com", "commit", "-q", "-m", "example"},
	} {
		c := exec.Command("git", args...)
		c.Dir = dir
		if err := c.Run(); err != nil {
			return err
		}
	}
	return nil
}
