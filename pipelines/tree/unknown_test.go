package tree

import (
	"os"
	"path/filepath"
	"testing"
)

func TestUnknown(t *testing.T) {
	root := repo(t, map[string]string{
		"clusters/dev/manifests/namespace.yaml": "a: 1\n",
		"clusters/dev/manifests/sub/debug.yaml": "b: 1\n",
		"clusters/dev/manifests/README.md":      "words\n",
		"clusters/dev/notes.yaml":               "mine: 1\n",
	})
	if found, err := at(t, root).Unknown("dev"); err != nil || len(found) > 0 {
		t.Errorf("without a lock nothing is known: %v, %v", found, err)
	}
	lock, err := Lock{Files: map[string]string{"dev/manifests/namespace.yaml": Digest([]byte("a: 1\n"))}}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	put(t, root, "clusters/dev/lock.yaml", string(lock))
	found, err := at(t, root).Unknown("dev")
	if err != nil || len(found) != 1 || found[0].Rule != RuleUnknownFile || found[0].File != "clusters/dev/manifests/sub/debug.yaml" {
		t.Errorf("%v, %v", found, err)
	}
	if err := os.RemoveAll(filepath.Join(root, "clusters/dev/manifests")); err != nil {
		t.Fatal(err)
	}
	if found, err := at(t, root).Unknown("dev"); err != nil || len(found) > 0 {
		t.Errorf("a folder that is gone: %v, %v", found, err)
	}
}
