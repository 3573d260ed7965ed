// Package treetest makes small repositories and builds them, for tests of what compares
// and writes them.
package treetest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

// Repo makes a repo's root with the spec of cluster dev, and the files given.
func Repo(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	Put(t, root, "clusters/dev/spec.yaml", "spec: {}\n")
	for name, content := range files {
		Put(t, root, name, content)
	}
	return root
}

// Put writes the file of the name below root, and the folders to it.
func Put(t testing.TB, root, name, content string) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Remove deletes the file of the name below root.
func Remove(t testing.TB, root, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

// Snapshot returns every file below root, and every symbolic link as "-> target".
func Snapshot(t testing.TB, root string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(root, func(p string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name := strings.TrimPrefix(p, root+"/")
		if entry.Type()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(p)
			files[name] = "-> " + target
			return err
		}
		data, err := os.ReadFile(p)
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// At returns the repo's clusters as a run would see them that begins now.
func At(t testing.TB, root string) *disk.Disk {
	t.Helper()
	d := disk.At(root, "clusters")
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// Generation returns the files of cluster dev as inputs of the name make them: some the
// same in every generation, some not, some only there.
func Generation(name string) tree.Wanted { return GenerationOf("dev", name) }

// GenerationOf is Generation for any cluster.
func GenerationOf(cluster, name string) tree.Wanted {
	in := "clusters/" + cluster + "/"
	files := manifest.Files{
		in + "values.yaml":                                    []byte("same: true\n"),
		in + "manifests/namespace.yaml":                       []byte("kind: Namespace\nname: " + name + "\n"),
		in + "manifests/vcluster/templates/" + name + ".yaml": []byte("only: " + name + "\n"),
		in + "manifests/" + name + "/deep/er/file.yaml":       []byte("deep: " + name + "\n"),
		"clusters/root/" + cluster + ".yaml":                  tree.Stamp(in+"spec.yaml", []byte("app: "+name+"\n")),
	}
	return tree.Wanted{Cluster: cluster, Files: files, Lock: lockfile.Lock{Inputs: name, Chart: lockfile.ChartLock{Name: "vcluster", Digest: name}}}
}

// Compare returns the plan for what is wanted, and fails the test where there is none.
func Compare(t testing.TB, root string, w tree.Wanted) tree.Plan {
	t.Helper()
	p, findings, err := tree.Compare(t.Context(), At(t, root), w)
	if err != nil || len(findings) > 0 {
		t.Fatalf("compare: %v, %v", findings, err)
	}
	return p
}

// Build writes what is wanted, and fails the test where a second build would write more.
func Build(t testing.TB, root string, w tree.Wanted) {
	t.Helper()
	if err := tree.Apply(t.Context(), At(t, root), Compare(t, root, w)); err != nil {
		t.Fatal(err)
	}
	if again := Compare(t, root, w); !again.Empty() {
		t.Fatalf("a second build would change %v", Causes(again))
	}
}

// BuildOn writes what is wanted.
func BuildOn(d *disk.Disk, w tree.Wanted) error {
	plan, found, err := tree.Compare(context.Background(), d, w)
	if err != nil || len(found) > 0 {
		return fmt.Errorf("%v, %w", found, err)
	}
	return tree.Apply(context.Background(), d, plan)
}

// Causes returns "KIND: CAUSE" for each file that the plan changes.
func Causes(p tree.Plan) map[string]string {
	m := map[string]string{}
	for _, c := range p.Changes {
		m[c.Path] = string(c.Kind) + ": " + string(c.Cause)
	}
	return m
}
