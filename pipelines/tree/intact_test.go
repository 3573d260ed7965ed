package tree_test

import (
	"os"
	"path/filepath"
	"testing"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/tree"
)

// The same content behind a link is not what kasou wrote.
func TestIntactFollowsNoLink(t *testing.T) {
	for _, swapped := range []string{"clusters/dev/manifests", "clusters/dev/values.yaml", "clusters/root"} {
		t.Run(swapped, func(t *testing.T) {
			root := treetest.Repo(t, nil)
			treetest.Build(t, root, treetest.Generation("a"))
			lock, _, err := tree.ReadLock(treetest.At(t, root), "dev")
			if err != nil {
				t.Fatal(err)
			}
			if ok, err := tree.Intact(treetest.At(t, root), "dev", *lock); !ok || err != nil {
				t.Fatalf("%v, %v before", ok, err)
			}
			file := filepath.Join(root, swapped)
			if err := os.Rename(file, file+".moved"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(filepath.Base(file)+".moved", file); err != nil {
				t.Fatal(err)
			}
			if ok, err := tree.Intact(treetest.At(t, root), "dev", *lock); ok || err != nil {
				t.Errorf("%v, %v behind a link", ok, err)
			}
		})
	}
}
