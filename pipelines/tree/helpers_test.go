package tree

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// repo makes a repo's root with the spec of cluster dev, and the files given.
func repo(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	put(t, root, "clusters/dev/spec.yaml", "spec: {}\n")
	for name, content := range files {
		put(t, root, name, content)
	}
	return root
}

// at gives the repo's clusters as a run would see them that begins now.
func at(t *testing.T, root string) *Disk {
	t.Helper()
	d := At(root, "clusters")
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func put(t *testing.T, root, name, content string) {
	t.Helper()
	full := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}

// snapshot gives every file below root, and every symbolic link as "-> target".
func snapshot(t *testing.T, root string) map[string]string {
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

// generation gives the files of cluster dev as inputs of the name make them:
// some the same in every generation, some not, some only there.
func generation(name string) Wanted { return generationOf("dev", name) }

func generationOf(cluster, name string) Wanted {
	in := "clusters/" + cluster + "/"
	files := manifest.Files{
		in + "values.yaml":                                    []byte("same: true\n"),
		in + "manifests/namespace.yaml":                       []byte("kind: Namespace\nname: " + name + "\n"),
		in + "manifests/vcluster/templates/" + name + ".yaml": []byte("only: " + name + "\n"),
		in + "manifests/" + name + "/deep/er/file.yaml":       []byte("deep: " + name + "\n"),
		"clusters/root/" + cluster + ".yaml":                  Stamp(in+"spec.yaml", []byte("app: "+name+"\n")),
	}
	return Wanted{Cluster: cluster, Files: files, Lock: lockfile.Lock{Inputs: name, Chart: lockfile.ChartLock{Name: "vcluster", Digest: name}}}
}

func mustCompare(t *testing.T, root string, w Wanted) Plan {
	t.Helper()
	p, findings, err := at(t, root).Compare(t.Context(), w)
	if err != nil || len(findings) > 0 {
		t.Fatalf("compare: %v, %v", findings, err)
	}
	return p
}

func mustBuild(t *testing.T, root string, w Wanted) {
	t.Helper()
	if err := at(t, root).Apply(t.Context(), mustCompare(t, root, w)); err != nil {
		t.Fatal(err)
	}
	if again := mustCompare(t, root, w); !again.Empty() {
		t.Fatalf("a second build would change %v", causes(again))
	}
}

func causes(p Plan) map[string]string {
	m := map[string]string{}
	for _, c := range p.Changes {
		m[c.Path] = string(c.Kind) + ": " + string(c.Cause)
	}
	return m
}

func rules(list finding.List) []finding.Rule {
	var rules []finding.Rule
	for _, f := range list {
		rules = append(rules, f.Rule)
	}
	return rules
}
