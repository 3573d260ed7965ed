package disk_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

// Whatever path a lock from git names, nothing outside the clusters folder is read.
func TestReadStaysInTheClustersFolder(t *testing.T) {
	root := treetest.Repo(t, map[string]string{"secret": "secret", "elsewhere/secret": "secret", "clusters/secret": "inside"})
	outside := t.TempDir()
	treetest.Put(t, outside, "secret", "secret")
	for name, target := range map[string]string{"link": outside, "up": "..", "file": "../secret"} {
		if err := os.Symlink(target, filepath.Join(root, "clusters", name)); err != nil {
			t.Fatal(err)
		}
	}
	v := treetest.At(t, root).View()
	defer v.Close()
	for _, p := range []string{
		"secret", "../secret", "clusters/../secret", "clusters/dev/../../secret", "elsewhere/secret", "/secret", outside + "/secret", "",
		"clusters/link/secret", "clusters/up/secret", "clusters/file", "clusters/up/clusters/secret", "clusters", ".",
	} {
		if data, err := v.Read(p); err == nil {
			t.Errorf("%q: %q, %v", p, data, err)
		}
		if entries, err := v.List(p); p != "clusters" && (len(entries) > 0 || err == nil) {
			t.Errorf("%q lists %v, %v", p, entries, err)
		}
	}
	if data, err := v.Read("clusters/secret"); string(data) != "inside" || err != nil {
		t.Errorf("%q, %v", data, err)
	}
}

// A pipe with nobody at its other end holds nothing up.
func TestPipes(t *testing.T) {
	root := treetest.Repo(t, nil)
	if err := syscall.Mkfifo(filepath.Join(root, "clusters/pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	v := treetest.At(t, root).View()
	defer v.Close()
	var obstacle *disk.Obstacle
	if _, err := v.Read("clusters/pipe"); !errors.As(err, &obstacle) {
		t.Errorf("read: %v", err)
	}
	if _, err := v.Read("clusters/pipe/below"); !errors.As(err, &obstacle) || obstacle.Path != "clusters/pipe" {
		t.Errorf("read below: %v", err)
	}
	if _, err := v.List("clusters/pipe"); !errors.As(err, &obstacle) {
		t.Errorf("list: %v", err)
	}
	if there, err := v.Exists("clusters/pipe"); !there || err != nil {
		t.Errorf("exists: %v, %v", there, err)
	}
}

// Who waits for a cluster that another process then takes away does not write into a
// folder that nobody sees any more.
func TestTheFolderGoesWhileItIsWaitedFor(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	plan := treetest.Compare(t, root, treetest.Generation("b"))
	other := treetest.At(t, root).View()
	if err := other.Lock(t.Context(), "clusters/dev", true); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { result <- tree.Apply(t.Context(), treetest.At(t, root), plan) }()
	select {
	case err := <-result:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	if err := os.RemoveAll(filepath.Join(root, "clusters/dev")); err != nil {
		t.Fatal(err)
	}
	other.Close()
	if err := <-result; !errors.Is(err, disk.ErrChanged) {
		t.Errorf("got %v", err)
	}
}
