package fleet

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// text returns findings as golden files have them.
func text(findings finding.List) []byte {
	var b bytes.Buffer
	for _, f := range findings {
		fmt.Fprintf(&b, "%s\n  hint: %s\n", f, f.Hint)
	}
	return b.Bytes()
}

func absolute(t testing.TB, path ...string) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// Each folder of testdata is a repo with a clusters folder; findings.golden
// has what Load says about it.
func TestLoadFindings(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/clusters")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases in testdata", err)
	}
	for _, c := range cases {
		dir := filepath.Dir(c)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			_, findings, err := Load(absolute(t, dir), "clusters")
			if err != nil {
				t.Fatal(err)
			}
			golden(t, filepath.Join(dir, "findings.golden"), text(findings))
			for _, f := range findings {
				if f.Hint == "" || f.Message == "" {
					t.Errorf("%s: nothing to do about it", f)
				}
				if strings.Contains(f.Message+f.Hint, "hunter2") {
					t.Errorf("%s: shows a password", f)
				}
			}
		})
	}
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		write(t, file, got)
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got:\n%s\nwant:\n%s", file, got, want)
	}
}

const goodFleet = `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://github.com/acme/platform.git"}
  host: {kubernetesVersion: "1.34", serviceCIDR: 10.96.0.0/16}
`

func specOf(name, body string) string {
	return "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata:\n  name: " + name + "\nspec: " + body + "\n"
}

// repo makes a repo with a clusters folder of these files, and a good
// fleet.yaml where they have none.
func repo(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	all := map[string]string{layout.Fleet: goodFleet}
	for name, content := range files {
		all[name] = content
	}
	for name, content := range all {
		file := filepath.Join(root, "clusters", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func load(t testing.TB, root string) (*Fleet, finding.List) {
	t.Helper()
	f, findings, err := Load(root, "clusters")
	if err != nil {
		t.Fatal(err)
	}
	return f, findings
}

// sound loads a fleet that nothing is wrong with.
func sound(t testing.TB, files map[string]string) *Fleet {
	t.Helper()
	f, findings := load(t, repo(t, files))
	if len(findings) > 0 {
		t.Fatalf("findings:\n%s", text(findings))
	}
	return f
}

// A fleet that Argo CD reads in another folder is not the one that is checked.
func TestArgoCDReadsAnotherFolder(t *testing.T) {
	for name, test := range map[string]struct {
		path, file string
		want       int
	}{
		"the same":                      {"clusters/", "clusters/root/a.yaml", 0},
		"another of this repository":    {"other", "other/root/a.yaml", 1},
		"its parent":                    {".", "root/a.yaml", 1},
		"one without Applications":      {"other", "other/a.yaml", 0},
		"one that is not there":         {"deploy/clusters", "other/root/a.yaml", 0},
		"a link, which Argo CD follows": {"link", "other/root/a.yaml", 1},
	} {
		files := map[string]string{
			layout.Fleet:      "apiVersion: kasou/v1\nkind: Fleet\nspec:\n  repository: {url: \"https://git.example.com/a.git\", path: " + test.path + "}\n  host: {kubernetesVersion: 1.34.1}\n",
			"../" + test.file: "a: b\n",
		}
		root := repo(t, files)
		if err := os.Symlink("other", filepath.Join(root, "link")); err != nil {
			t.Fatal(err)
		}
		_, found := load(t, root)
		if len(found) != test.want || test.want > 0 && (found[0].Rule != RuleRepository || found[0].Severity != finding.Warning || found[0].Line != 4) {
			t.Errorf("%s: %v", name, found)
		}
	}
}
