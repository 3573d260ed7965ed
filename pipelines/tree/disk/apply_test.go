package disk_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

func TestApplyWritesWhatIsWanted(t *testing.T) {
	root := treetest.Repo(t, map[string]string{"clusters/dev/notes.md": "mine\n"})
	for _, name := range []string{"a", "b", "a"} {
		w := treetest.Generation(name)
		treetest.Build(t, root, w)
		want := map[string]string{"clusters/dev/spec.yaml": "spec: {}\n", "clusters/dev/notes.md": "mine\n"}
		for p, data := range w.Files {
			want[p] = string(data)
		}
		got := treetest.Snapshot(t, root)
		lock, err := lockfile.Parse([]byte(got["clusters/dev/lock.yaml"]))
		if err != nil || lock.Writing || lock.Inputs != name || len(lock.Files) != len(w.Files) {
			t.Errorf("lock: %+v, %v", lock, err)
		}
		delete(got, "clusters/dev/lock.yaml")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("files (-want +got):\n%s", diff)
		}
	}
	if _, err := os.Stat(filepath.Join(root, "clusters/dev/manifests/b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an empty folder stays: %v", err)
	}
}

func TestTheUmaskIsHonoured(t *testing.T) {
	for umask, want := range map[int]os.FileMode{0o022: 0o644, 0o002: 0o664, 0o077: 0o600} {
		root := treetest.Repo(t, nil)
		old := syscall.Umask(umask)
		treetest.Build(t, root, treetest.Generation("a"))
		err := disk.Create(root, "clusters/new/spec.yaml", nil)
		syscall.Umask(old)
		if err != nil {
			t.Fatal(err)
		}
		folder := os.ModeDir | 0o777&^os.FileMode(umask)
		for p, want := range map[string]os.FileMode{
			"clusters/dev/values.yaml": want, "clusters/dev/lock.yaml": want, "clusters/new/spec.yaml": want,
			"clusters/dev/manifests": folder, "clusters/root": folder, "clusters/new": folder,
		} {
			if info, err := os.Stat(filepath.Join(root, p)); err != nil || info.Mode() != want {
				t.Errorf("%03o, %s: %v, %v; want %v", umask, p, info.Mode(), err, want)
			}
		}
	}
}

func TestUnchangedFilesAreNotTouched(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	inode := func() (uint64, int64) {
		info, err := os.Stat(filepath.Join(root, "clusters/dev/values.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Sys().(*syscall.Stat_t).Ino, info.ModTime().UnixNano()
	}
	ino, mtime := inode()
	treetest.Build(t, root, treetest.Generation("b"))
	if i, m := inode(); i != ino || m != mtime {
		t.Error("values.yaml was written again")
	}
}

func TestApplySweepsItsOwnTemporaryFilesOnly(t *testing.T) {
	own := []string{
		"clusters/dev/.kasou-dev.0.tmp", "clusters/dev/manifests/vcluster/templates/.kasou-dev.12.tmp", "clusters/root/.kasou-dev.yaml.tmp", "clusters/root/.kasou-dev.cluster.yaml.tmp",
		"clusters/dev/.kasou-spec.yaml.ABC.tmp",
	}
	others := []string{
		"clusters/root/.kasou-other.yaml.tmp", "clusters/root/.kasou-dev2.yaml.tmp",
		"clusters/dev/.kasou-dev.1.tmp.bak", "clusters/other/.kasou-dev.1.tmp",
	}
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	for _, p := range append(own, others...) {
		treetest.Put(t, root, p, "x")
	}
	treetest.Build(t, root, treetest.Generation("a"))
	got := treetest.Snapshot(t, root)
	for _, p := range own {
		if _, there := got[p]; there {
			t.Errorf("%s stays", p)
		}
	}
	for _, p := range others {
		if _, there := got[p]; !there {
			t.Errorf("%s is gone", p)
		}
	}
}

func TestApplyRefusesAStalePlan(t *testing.T) {
	for name, change := range map[string]func(root string){
		"a file": func(root string) {
			treetest.Put(t, root, "clusters/dev/manifests/namespace.yaml", "edited meanwhile\n")
		},
		"the lock": func(root string) { treetest.Build(t, root, treetest.Generation("c")) },
	} {
		t.Run(name, func(t *testing.T) {
			root := treetest.Repo(t, nil)
			treetest.Build(t, root, treetest.Generation("a"))
			plan := treetest.Compare(t, root, treetest.Generation("b"))
			change(root)
			before := treetest.Snapshot(t, root)
			if err := tree.Apply(t.Context(), treetest.At(t, root), plan); !errors.Is(err, disk.ErrChanged) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(before, treetest.Snapshot(t, root)); diff != "" {
				t.Errorf("touched:\n%s", diff)
			}
		})
	}
}

// A repair does not touch the lock, but must not mix with another build.
func TestRepairRefusesAnotherBuildsLock(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	treetest.Remove(t, root, "clusters/dev/values.yaml")
	plan := treetest.Compare(t, root, treetest.Generation("a"))
	w := treetest.Generation("a")
	w.Lock.Inputs = "newer"
	delete(w.Files, "clusters/dev/values.yaml")
	treetest.Build(t, root, w)
	if err := tree.Apply(t.Context(), treetest.At(t, root), plan); !errors.Is(err, disk.ErrChanged) {
		t.Errorf("got %v", err)
	}
}

func TestCancelledApplyLeavesTheOldFiles(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	before := treetest.Snapshot(t, root)
	plan := treetest.Compare(t, root, treetest.Generation("b"))
	ctx, cancel := context.WithCancel(t.Context())
	defer disk.OnStep(func(at string) {
		if strings.HasPrefix(at, "sync clusters/dev/manifests/b") {
			cancel()
		}
	})()
	if err := tree.Apply(ctx, treetest.At(t, root), plan); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if diff := cmp.Diff(before, treetest.Snapshot(t, root)); diff != "" {
		t.Errorf("touched:\n%s", diff)
	}
	if _, err := os.Stat(filepath.Join(root, "clusters/dev/manifests/b")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new folder stays: %v", err)
	}
}
