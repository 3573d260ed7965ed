package fleet_test

import (
	"os"
	"path/filepath"
	"testing"

	"kasou/pipelines/fleet"
)

// One default gives each cluster a host of its own, and a spec that says nothing is
// three lines.
func TestHostsByTemplate(t *testing.T) {
	root := t.TempDir()
	write := func(file, text string) {
		t.Helper()
		path := filepath.Join(root, "clusters", file)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("fleet.yaml", `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://git.example.com/a.git"}
  host: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}
  defaults:
    ingress: {enabled: true, host: "{name}.k8s.example.com"}
`)
	for _, name := range []string{"one", "two"} {
		write(name+"/spec.yaml", "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: "+name+"}\n")
	}
	write("three/spec.yaml", "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: three}\nspec: {server: \"https://{name}.other.example.com:6443\"}\n")
	f, findings, err := fleet.Load(root, "clusters")
	if err != nil || findings.Failed() {
		t.Fatal(findings, err)
	}
	for name, want := range map[string][2]string{
		"one":   {"one.k8s.example.com", "https://one.k8s.example.com"},
		"two":   {"two.k8s.example.com", "https://two.k8s.example.com"},
		"three": {"three.k8s.example.com", "https://three.other.example.com:6443"},
	} {
		c, _ := f.Cluster(name)
		if c.Spec.Ingress.Host != want[0] || c.Spec.Server != want[1] {
			t.Errorf("%s: %s, %s", name, c.Spec.Ingress.Host, c.Spec.Server)
		}
	}
}
