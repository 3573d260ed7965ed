package disk_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

// A full disk must leave the old files. It needs a file system of a fixed size.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("NOT TESTED, a full disk: mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(root, 0); err != nil {
			t.Error(err)
		}
	})
	treetest.Put(t, root, "clusters/dev/spec.yaml", "spec: {}\n")
	treetest.Build(t, root, treetest.Generation("a"))
	before := treetest.Snapshot(t, root)
	w := treetest.Generation("b")
	w.Files["clusters/dev/manifests/large.yaml"] = []byte(strings.Repeat("x", 1<<20))
	if err := tree.Apply(t.Context(), treetest.At(t, root), treetest.Compare(t, root, w)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, treetest.Snapshot(t, root)); diff != "" {
		t.Errorf("touched:\n%s", diff)
	}
	treetest.Build(t, root, treetest.Generation("b"))
}

// A disk that takes no more data, and says so only when it is synced: a file
// system in a file, for which there is no room.
func TestDiskThatFailsToSync(t *testing.T) {
	backing, root := t.TempDir(), t.TempDir()
	if err := syscall.Mount("tmpfs", backing, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("NOT TESTED, a disk that fails: mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(backing, 0) })
	image := filepath.Join(backing, "image")
	for _, command := range [][]string{
		{"truncate", "-s", "16M", image},
		{"mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-N", "256", image},
		{"mount", "-o", "loop", image, root},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("NOT TESTED, a disk that fails: %v: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() { _ = syscall.Unmount(root, 0) })
	treetest.Put(t, root, "clusters/dev/spec.yaml", "spec: {}\n")
	treetest.Build(t, root, treetest.Generation("a"))
	before := treetest.Snapshot(t, root)
	filler := filepath.Join(backing, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	d := treetest.At(t, root)
	if !d.Share() {
		t.Skip("NOT TESTED, a disk that fails: this system has no shared syncs")
	}
	w := treetest.Generation("b")
	w.Files["clusters/dev/manifests/large.yaml"] = []byte(strings.Repeat("x", 4<<20))
	for _, when := range []string{"at first", "and from then on"} {
		if err := treetest.BuildOn(d, w); err == nil || !strings.Contains(err.Error(), "sync the file system") {
			t.Errorf("%s: got %v", when, err)
		}
		if diff := cmp.Diff(before, treetest.Snapshot(t, root)); diff != "" {
			t.Errorf("%s, touched:\n%s", when, diff)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	treetest.Build(t, root, treetest.Generation("b"))
}

// What is mounted within the clusters' place is not synced with the rest.
func TestOtherFileSystemWithin(t *testing.T) {
	clusters := clusterNames(1)
	root := manyRepo(t, clusters)
	within := filepath.Join(root, "clusters", "root")
	if err := os.Mkdir(within, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", within, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("NOT TESTED, a mount point: mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(within, 0) })
	d := treetest.At(t, root)
	if !d.Share() {
		t.Skip("NOT TESTED, a mount point: this file system has no shared syncs")
	}
	var synced []string
	defer disk.OnStep(func(at string) {
		if strings.HasPrefix(at, "sync ") {
			synced = append(synced, at)
		}
	})()
	if err := buildMany(d, "a", clusters); err != nil {
		t.Fatal(err)
	}
	file := "sync clusters/root/" + clusters[0] + ".yaml"
	if !slices.Contains(synced, file) {
		t.Errorf("synced %v, not %s", synced, file)
	}
}
