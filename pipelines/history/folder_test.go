package history

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestAFolderIsComparedWithTheWorkingCopy(t *testing.T) {
	before, now := t.TempDir(), t.TempDir()
	for root, files := range map[string]map[string]string{
		before: {"c/same/lock.yaml": "a", "c/other/lock.yaml": "a", "c/gone/lock.yaml": "a", "c/deep/er/lock.yaml": "a"},
		now:    {"c/same/lock.yaml": "a", "c/other/lock.yaml": "b", "c/new/lock.yaml": "a"},
	} {
		for name, text := range files {
			path := filepath.Join(root, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	// A link out of the checkout is not a file of it.
	if err := os.Symlink("/etc/passwd", filepath.Join(before, "c/same/link")); err != nil {
		t.Fatal(err)
	}
	f, err := OpenFolder(before, now)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	differ, err := f.Differs(t.Context(), "c/*/lock.yaml")
	slices.Sort(differ)
	if want := []string{"c/gone/lock.yaml", "c/new/lock.yaml", "c/other/lock.yaml"}; err != nil || !slices.Equal(differ, want) {
		t.Errorf("%v, %v", differ, err)
	}
	for name, want := range map[string]string{"c/other/lock.yaml": "a", "c/new/lock.yaml": "", "c/same/link": "", "c/same": ""} {
		if got, err := f.File(t.Context(), name); string(got) != want || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := f.File(t.Context(), "../x"); err == nil {
		t.Error("a path leads out of the checkout")
	}
	if _, err := OpenFolder(filepath.Join(before, "none"), now); err == nil {
		t.Error("a checkout that is not there opens")
	}
}
