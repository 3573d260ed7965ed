package tree_test

import (
	"os"
	"path/filepath"
	"testing"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree"
)

func TestPut(t *testing.T) {
	ctx, root := t.Context(), treetest.Repo(t, nil)
	put := func(data string) (tree.Plan, int) {
		t.Helper()
		plan, findings, err := tree.Put(ctx, treetest.At(t, root), "a", "clusters/root/a.cluster.yaml", []byte(data), nil)
		if err != nil {
			t.Fatal(err)
		}
		return plan, len(findings)
	}
	if plan, findings := put("sealed"); findings != 1 || !plan.Empty() {
		t.Errorf("before a build: %d findings, %+v", findings, plan.Changes)
	}
	built, findings, err := tree.Compare(ctx, treetest.At(t, root), tree.Wanted{Cluster: "a", Files: manifest.Files{"clusters/a/values.yaml": []byte("v")},
		Lock: lockfile.Lock{Inputs: "sha256:x", Chart: lockfile.ChartLock{Path: "charts/a"}}})
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	if err := tree.Apply(ctx, treetest.At(t, root), built); err != nil {
		t.Fatal(err)
	}
	plan, n := put("sealed")
	if n != 0 || len(plan.Changes) != 2 {
		t.Fatalf("%d findings, %+v; want the file and the lock", n, plan.Changes)
	}
	if err := tree.Apply(ctx, treetest.At(t, root), plan); err != nil {
		t.Fatal(err)
	}
	lock, _, err := tree.ReadLock(treetest.At(t, root), "a")
	if err != nil || lock.Inputs != "sha256:x" || lock.Chart.Path != "charts/a" || len(lock.Files) != 2 ||
		lock.Files["root/a.cluster.yaml"] != manifest.Digest([]byte("sealed")) {
		t.Errorf("lock %+v, %v", lock, err)
	}
	if plan, n = put("sealed"); n != 0 || !plan.Empty() {
		t.Errorf("a second time: %d findings, %+v", n, plan.Changes)
	}
	if data, err := os.ReadFile(filepath.Join(root, "clusters", "a", "values.yaml")); err != nil || string(data) != "v" {
		t.Errorf("the other file: %q, %v", data, err)
	}
}

// What a build that was cut off left is still to be finished after a Put.
func TestPutKeepsAnInterruptedLock(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	treetest.Put(t, root, "clusters/dev/lock.yaml", string(treetest.Compare(t, root, treetest.Generation("b")).Intent()))
	plan, findings, err := tree.Put(t.Context(), treetest.At(t, root), "dev", "clusters/root/dev.cluster.yaml", []byte("sealed"), nil)
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	if err := tree.Apply(t.Context(), treetest.At(t, root), plan); err != nil {
		t.Fatal(err)
	}
	lock, _, err := tree.ReadLock(treetest.At(t, root), "dev")
	const file = "dev/manifests/namespace.yaml"
	if err != nil || !lock.Writing || !lock.Claims(file, treetest.Generation("a").Files["clusters/"+file]) || !lock.Claims(file, treetest.Generation("b").Files["clusters/"+file]) {
		t.Errorf("%+v, %v", lock, err)
	}
}
