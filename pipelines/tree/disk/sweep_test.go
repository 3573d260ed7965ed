package disk_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

func TestSweep(t *testing.T) {
	ours := []string{
		"clusters/.kasou-fleet.lock.yaml.tmp", "clusters/.kasou-fleet.yaml.tmp",
		"clusters/root/.kasou-dev.yaml.tmp", "clusters/root/.kasou-dev.cluster.yaml.tmp", "clusters/root/.kasou-gone.yaml.tmp",
		"clusters/dev/.kasou-spec.yaml.tmp", "clusters/dev/.kasou-dev.0.tmp", "clusters/dev/manifests/vcluster/templates/.kasou-dev.12.tmp",
		"clusters/new/.kasou-spec.yaml.ABC.tmp", "clusters/renamed/.kasou-dev.3.tmp",
	}
	others := []string{
		"clusters/dev/spec.yaml", "clusters/dev/notes.tmp", "clusters/dev/.kasou-notes", "clusters/root/kasou-dev.yaml.tmp",
		"clusters/_archive/.kasou-dev.0.tmp", "clusters/other/.kasou-other.0.tmp", ".kasou-x.tmp",
	}
	root := treetest.Repo(t, nil)
	for _, p := range append(slices.Clone(ours), others...) {
		treetest.Put(t, root, p, "x")
	}
	if err := os.Symlink("spec.yaml", filepath.Join(root, "clusters/dev/.kasou-dev.1.tmp")); err != nil {
		t.Fatal(err)
	}
	if err := treetest.At(t, root).Sweep(t.Context(), func(cluster string) bool { return cluster != "other" }); err != nil {
		t.Fatal(err)
	}
	want := append(slices.Clone(others), "clusters/dev/.kasou-dev.1.tmp")
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(treetest.Snapshot(t, root)))); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
	for _, gone := range []string{"clusters/new", "clusters/renamed", "clusters/dev/manifests"} {
		if _, err := os.Stat(filepath.Join(root, gone)); !os.IsNotExist(err) {
			t.Errorf("%s: %v", gone, err)
		}
	}
}

// Whatever a killed run was writing, and whatever is wanted afterwards.
func TestSweepAfterAKill(t *testing.T) {
	from, before := state(t, func(root string) { treetest.Build(t, root, treetest.Generation("a")) })
	for dies := 1; ; dies += 2 {
		root := filepath.Join(t.TempDir(), "repo")
		if err := os.CopyFS(root, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		if !killed(t, root, "b", dies) {
			break
		}
		if err := treetest.At(t, root).Sweep(t.Context(), func(string) bool { return true }); err != nil {
			t.Fatal(err)
		}
		now := treetest.Snapshot(t, root)
		for p := range now {
			if strings.HasPrefix(filepath.Base(p), disk.TempPrefix) {
				t.Errorf("killed at step %d: %s stays", dies, p)
			}
		}
		if !strings.Contains(now["clusters/dev/lock.yaml"], "inputs: b") {
			if diff := cmp.Diff(before, now); diff != "" {
				t.Errorf("killed at step %d before anything was in place (-want +got):\n%s", dies, diff)
			}
		}
	}
}

// What cannot be put in place does not lie about either.
func TestAFailedApplyLeavesNoTemporaryFile(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	plan := treetest.Compare(t, root, treetest.Generation("b"))
	const target = "clusters/dev/manifests/namespace.yaml"
	defer disk.OnStep(func(at string) {
		if at == "rename "+target {
			treetest.Remove(t, root, target)
			treetest.Put(t, root, target+"/in-the-way", "x")
		}
	})()
	if err := tree.Apply(t.Context(), treetest.At(t, root), plan); err == nil {
		t.Fatal("a folder was replaced by a file")
	}
	for p := range treetest.Snapshot(t, root) {
		if strings.HasPrefix(filepath.Base(p), disk.TempPrefix) {
			t.Errorf("%s stays", p)
		}
	}
}

// What Sweep has seen is not looked through again: not what is temporary, not what comes
// later, and of a folder what is below it alone.
func TestSweepSeesTheFiles(t *testing.T) {
	root := treetest.Repo(t, nil)
	for _, p := range []string{"c1/manifests/a.yaml", "c1/manifests/b/c.yaml", "c1/manifests0.yaml", "c1/manifests-x/d.yaml", "c1/manifests/.kasou-c1.0.tmp", "c10/manifests/e.yaml", "root/c1.yaml"} {
		treetest.Put(t, root, "clusters/"+p, "x")
	}
	d := treetest.At(t, root)
	if err := d.Sweep(t.Context(), func(string) bool { return true }); err != nil {
		t.Fatal(err)
	}
	treetest.Put(t, root, "clusters/c1/manifests/late.yaml", "x")
	for folder, want := range map[string][]string{
		"c1/manifests": {"c1/manifests/a.yaml", "c1/manifests/b/c.yaml"}, "c1/none": nil, "root": {"root/c1.yaml"}, "c2": nil,
		"c1": {"c1/manifests-x/d.yaml", "c1/manifests/a.yaml", "c1/manifests/b/c.yaml", "c1/manifests0.yaml"},
	} {
		got, err := d.Files("clusters/" + folder)
		for i := range want {
			want[i] = "clusters/" + want[i]
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v", folder, got, err)
		}
	}
	if got, err := treetest.At(t, root).Files("clusters/c1/manifests"); err != nil || len(got) != 3 {
		t.Errorf("another disk sees %q, %v", got, err)
	}
}
