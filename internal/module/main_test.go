package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// copyRepository copies what git has of this repository.
func copyRepository(t *testing.T) string {
	t.Helper()
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join("../..", name))
		if os.IsNotExist(err) {
			continue
		}
		if err == nil {
			err = os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), data, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func goCommand(t *testing.T, dir string, args ...string) string {
	t.Helper()
	c := exec.Command("go", args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// Wherever kasou moves, it builds, its fences stand, and the modules beside it find it.
func TestSet(t *testing.T) {
	const place = "github.com/team/kasou"
	dir := copyRepository(t)
	if err := run(dir, []string{"check", place}); err == nil || !strings.Contains(err.Error(), "make module MODULE="+place) {
		t.Fatalf("check: %v", err)
	}
	if err := run(dir, []string{"set", place}); err != nil {
		t.Fatal(err)
	}
	if err := run(dir, []string{"check", place}); err != nil {
		t.Errorf("check: %v", err)
	}
	if got := goCommand(t, dir, "list", "-m"); got != place {
		t.Errorf("the module is %s", got)
	}
	goCommand(t, dir, "build", "./...")
	goCommand(t, dir, "vet", "./internal/fence", "./internal/cli", "./pipelines/toolchain/dagger", "./internal/sidebyside")
	goCommand(t, dir, "list", "-deps", "-e=false", "-f", "{{.ImportPath}}", "./internal/...")
	binary := filepath.Join(t.TempDir(), "kasou")
	goCommand(t, dir, "build", "-buildvcs=false", "-o", binary, ".")
	out, err := exec.Command(binary, "version").Output()
	if err != nil || !strings.Contains(string(out), "source "+place+"\n") {
		t.Errorf("kasou version: %v\n%s", err, out)
	}
	for _, module := range []string{"e2e", "e2e/contract", "tools"} {
		if got := goCommand(t, filepath.Join(dir, module), "list", "-m"); !strings.HasPrefix(got, place+"/"+module) {
			t.Errorf("%s is the module %s", module, got)
		}
	}
	if out := goCommand(t, filepath.Join(dir, "e2e"), "list", "-f", "{{join .Imports \"\\n\"}}", "./internal/..."); !strings.Contains(out, place+"/") || strings.Contains(out, "\nkasou/") {
		t.Errorf("e2e imports\n%s", out)
	}
	unchanged, err := os.ReadFile(filepath.Join(dir, "pipelines", "manifest", "record.go"))
	if err != nil || !strings.Contains(string(unchanged), `"kasou/tag"`) {
		t.Errorf("an annotation was taken for a package: %v", err)
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"set"}, {"move", "github.com/a/b"}, {"set", "no path"}, {"set", "../x"}, {"set", "https://github.com/a/b"}, {"set", "github.com/a/b", "c"}} {
		if err := run("../..", args); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
}
