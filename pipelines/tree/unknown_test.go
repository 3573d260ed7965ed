package tree_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/tree"
)

func TestUnknown(t *testing.T) {
	root := treetest.Repo(t, map[string]string{
		"clusters/dev/manifests/namespace.yaml":      "a: 1\n",
		"clusters/dev/manifests/sub/debug.yaml":      "b: 1\n",
		"clusters/dev/manifests/.argocd-source.yaml": "directory: {jsonnet: {}}\n",
		"clusters/dev/manifests/a.yml":               "b: 1\n",
		"clusters/dev/manifests/b/c/d.json":          "{}\n",
		"clusters/dev/manifests/.hidden/e.jsonnet":   "{}\n",
		"clusters/dev/manifests/README.md":           "words\n",
		"clusters/dev/manifests/f.YAML":              "not read\n",
		"clusters/dev/notes.yaml":                    "mine: 1\n",
		"clusters/root/dev.yaml":                     "a: 1\n",
		"clusters/root/deep/evil.yaml":               "a: 1\n",
	})
	if err := os.Symlink("../../dev/notes.yaml", filepath.Join(root, "clusters/dev/manifests/link.yaml")); err != nil {
		t.Fatal(err)
	}
	known := func(p string) bool {
		return p == "clusters/dev/manifests/namespace.yaml" || p == "clusters/root/dev.yaml"
	}
	files := func(t *testing.T, folder string) (found []string) {
		t.Helper()
		list, err := tree.Unknown(treetest.At(t, root), folder, "clusters/"+folder+"/manifests", known)
		if folder == "root" {
			list, err = tree.Unknown(treetest.At(t, root), "", "clusters/root", known)
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range list {
			if f.Rule != tree.RuleUnknownFile {
				t.Errorf("%v", f)
			}
			found = append(found, f.File)
		}
		slices.Sort(found)
		return found
	}
	want := []string{
		"clusters/dev/manifests/.argocd-source.yaml", "clusters/dev/manifests/.hidden/e.jsonnet", "clusters/dev/manifests/a.yml",
		"clusters/dev/manifests/b/c/d.json", "clusters/dev/manifests/link.yaml", "clusters/dev/manifests/sub/debug.yaml",
	}
	if d := cmp.Diff(want, files(t, "dev")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if d := cmp.Diff([]string{"clusters/root/deep/evil.yaml"}, files(t, "root")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if err := os.RemoveAll(filepath.Join(root, "clusters/dev/manifests")); err != nil {
		t.Fatal(err)
	}
	if found := files(t, "dev"); len(found) > 0 {
		t.Errorf("a folder that is gone: %v", found)
	}
}
