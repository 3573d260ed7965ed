// Package fleettest makes repositories with a fleet in them, for tests of whole
// pipelines.
package fleettest

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kasou/internal/sealtest"
	"kasou/pipelines"
	"kasou/pipelines/chart"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
)

// Repo is a repository in a temporary folder.
type Repo struct {
	Root string
	// Keys are those of the fleet's sealing certificate.
	Keys sealtest.KeyPair
}

// New makes a repository whose fleet has the Kubernetes version, a sealing
// certificate, and no clusters.
func New(t testing.TB, kubernetesVersion string) Repo {
	t.Helper()
	r := Repo{Root: t.TempDir(), Keys: sealtest.NewKeyPair(t)}
	r.Write(t, "clusters/sealed-secrets.crt", r.Keys.Certificate)
	r.Write(t, "clusters/fleet.yaml", fmt.Appendf(nil, `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://git.example.com/platform.git"}
  host: {kubernetesVersion: %s, serviceCIDR: 10.96.0.0/16}
  sealing: {certificate: sealed-secrets.crt}
`, kubernetesVersion))
	return r
}

// Write puts a file below the root.
func (r Repo) Write(t testing.TB, file string, data []byte) {
	t.Helper()
	path := filepath.Join(r.Root, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Copy puts a file from elsewhere below the root.
func (r Repo) Copy(t testing.TB, file, from string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	r.Write(t, file, data)
}

// Read returns a file below the root.
func (r Repo) Read(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.Root, filepath.FromSlash(file)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Cluster writes clusters/NAME/spec.yaml; spec is the YAML below `spec:`,
// indented by two.
func (r Repo) Cluster(t testing.TB, name, spec string) {
	t.Helper()
	r.Write(t, "clusters/"+name+"/spec.yaml", fmt.Appendf(nil,
		"apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: %s}\nspec:\n%s", name, spec))
}

// Options give what a pipeline needs to work on the repository with the
// toolchain.
func (r Repo) Options(t testing.TB, tools toolchain.Toolchain) pipelines.Options {
	t.Helper()
	cache := filepath.Join(r.Root, ".cache")
	return pipelines.Options{
		Root: r.Root, Dir: "clusters", Jobs: 2, Cache: cache, Diff: true,
		Toolchain: tools, Charts: chart.NewStore(r.Root, chart.WithCache(cache)),
	}
}

// MustPass fails the test where the report has a failure, and prints it whole.
func MustPass(t testing.TB, r *report.Report, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if r.Failed() || len(r.Unfinished) > 0 {
		Print(t, r)
		t.FailNow()
	}
}

// Print logs a report as text.
func Print(t testing.TB, r *report.Report) {
	t.Helper()
	var text writer
	if err := report.Write(&text, r, report.Options{Format: "text"}); err != nil {
		t.Fatal(err)
	}
	t.Log(string(text))
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
