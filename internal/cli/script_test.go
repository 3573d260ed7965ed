package cli

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"kasou/internal/githubtest"
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
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"github-issues": writeIssues},
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("KASOU_CACHE", filepath.Join(env.WorkDir, ".cache"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
			fake := githubtest.Start(t)
			env.Values["github"] = fake
			env.Setenv("GITHUB_API_URL", fake.URL)
			env.Setenv("GITHUB_REPOSITORY", "acme/platform")
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

// writeIssues is the command github-issues FILE: it writes what the fake of
// GitHub has to the file, and how often it was written to since the last time.
func writeIssues(script *testscript.TestScript, _ bool, args []string) {
	fake, ok := script.Value("github").(*githubtest.GitHub)
	if !ok || len(args) != 1 {
		script.Fatalf("usage: github-issues FILE")
	}
	var b strings.Builder
	for n := 1; n <= fake.Count(); n++ {
		i := fake.Issue(n)
		fmt.Fprintf(&b, "#%d %s: %s\n%s\n%s\n", n, i.State, i.Title, i.Body, strings.Join(i.Comments, "\n"))
	}
	fmt.Fprintf(&b, "writes: %d\n", len(fake.Writes()))
	script.Check(os.WriteFile(script.MkAbs(args[0]), []byte(b.String()), 0o644))
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
