package fleet

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSetChartVersion(t *testing.T) {
	const head = "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: a}\n"
	for _, test := range []struct{ name, spec, want string }{
		{"flow", "spec: {chart: {repository: 'https://c.example.com', name: vcluster, version: 0.4.3}}\n",
			"spec: {chart: {repository: 'https://c.example.com', name: vcluster, version: 0.5.0}}\n"},
		{"block with a comment", "spec:\n  chart:\n    version: 0.4.3  # keep\n    name: vcluster\n    repository: oci://c.example.com/x\n",
			"spec:\n  chart:\n    version: 0.5.0  # keep\n    name: vcluster\n    repository: oci://c.example.com/x\n"},
		{"quoted", "spec:\n  chart: {repository: 'https://c.example.com', name: vcluster, version: \"0.4.3\"}\n",
			"spec:\n  chart: {repository: 'https://c.example.com', name: vcluster, version: \"0.5.0\"}\n"},
		{"behind an alias", "spec:\n  values: {v: &v 0.4.3}\n  chart: {repository: 'https://c.example.com', name: vcluster, version: *v}\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := repo(t, map[string]string{"a/spec.yaml": head + test.spec})
			f, findings := load(t, root)
			if findings.Failed() {
				t.Fatal(text(findings))
			}
			edit, err := f.Clusters[0].SetChartVersion("0.5.0", nil)
			if test.want == "" {
				if err == nil {
					t.Errorf("edited %s", edit.New)
				}
				return
			}
			if err != nil || string(edit.New) != head+test.want || edit.File != "clusters/a/spec.yaml" {
				t.Errorf("%v, %s:\n%s", err, edit.File, edit.New)
			}
		})
	}
}

func TestSetChartVersionInTheDefaults(t *testing.T) {
	root := repo(t, map[string]string{"a/spec.yaml": "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: a}\nspec: {}\n"})
	file := filepath.Join(root, "clusters", "fleet.yaml")
	fleetYAML := `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://git.example.com/x.git"}
  host: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}
  defaults: {chart: {repository: "https://c.example.com", name: vcluster, version: 0.4.3}}
`
	if err := os.WriteFile(file, []byte(fleetYAML), 0o644); err != nil {
		t.Fatal(err)
	}
	f, findings := load(t, root)
	if findings.Failed() {
		t.Fatal(text(findings))
	}
	edit, err := f.Clusters[0].SetChartVersion("0.5.0", nil)
	if err != nil || edit.File != "clusters/fleet.yaml" {
		t.Fatalf("%v, %s", err, edit.File)
	}
	if err := os.WriteFile(file, edit.New, 0o644); err != nil {
		t.Fatal(err)
	}
	f, findings = load(t, root)
	if findings.Failed() || f.Clusters[0].Spec.Chart.Version != "0.5.0" {
		t.Errorf("%s%+v", text(findings), f.Clusters[0].Spec.Chart)
	}
}

func TestAddChartVersion(t *testing.T) {
	const head = "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: a}\n"
	for _, test := range []struct{ spec, want string }{
		{"spec:\n  # of the team\n  namespace: b\n", "spec:\n  chart: {version: 0.5.0}\n  # of the team\n  namespace: b\n"},
		{"spec: {}\n", "spec:\n  chart: {version: 0.5.0}\n"},
		{"spec: { } # nothing yet\r\n  # of the team\r\n", "spec: # nothing yet\r\n  chart: {version: 0.5.0}\r\n  # of the team\r\n"},
		{"spec: {}", "spec:\n  chart: {version: 0.5.0}\n"},
		{"spec: {namespace: b}\n", ""},
		{"spec:\n  chart: {name: other}\n", ""},
	} {
		f, findings := load(t, repo(t, map[string]string{
			"fleet.yaml":  goodFleet + "  defaults: {chart: {repository: 'https://c.example.com', name: vcluster, version: 0.4.3}}\n",
			"a/spec.yaml": head + test.spec,
		}))
		if findings.Failed() {
			t.Fatal(string(text(findings)))
		}
		edit, err := f.Clusters[0].AddChartVersion("0.5.0")
		switch {
		case test.want == "" && err == nil:
			t.Errorf("edited %s", edit.New)
		case test.want != "" && (err != nil || string(edit.New) != head+test.want || f.Clusters[0].OwnChartVersion()):
			t.Errorf("%v:\n%s", err, edit.New)
		}
	}
}
