package disk_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"kasou/pipelines/tree/disk"
)

func TestCreate(t *testing.T) {
	root := t.TempDir()
	if err := disk.Create(root, "clusters/new/spec.yaml", []byte("a")); err != nil {
		t.Fatal(err)
	}
	if err := disk.Create(root, "clusters/new/spec.yaml", []byte("b")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v, want fs.ErrExist", err)
	}
	if err := os.Symlink(t.TempDir(), filepath.Join(root, "out")); err != nil {
		t.Fatal(err)
	}
	if err := disk.Create(root, "out/spec.yaml", []byte("c")); err == nil {
		t.Error("wrote through a link out of the repo")
	}
	data, err := os.ReadFile(filepath.Join(root, "clusters", "new", "spec.yaml"))
	if err != nil || string(data) != "a" {
		t.Errorf("%q, %v; want the first content", data, err)
	}
}
