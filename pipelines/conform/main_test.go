package conform_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"kasou/internal/realtool"
	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

var (
	kubeconform = embedded.NewKubeconform()
	cache       string
)

func TestMain(m *testing.M) {
	embedded.WorkerMain()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	defer realtool.Remove()
	dir, err := os.MkdirTemp("", "kasou-conform-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	cache = dir
	return m.Run()
}

// open returns the schemas of a Kubernetes version, without any finding.
func open(t testing.TB, version string) toolchain.Schemas {
	t.Helper()
	schemas, findings, err := found(fleetOf(version, t.TempDir()), cache)
	if err != nil || len(findings) > 0 {
		t.Fatalf("open %s: %v %v", version, findings, err)
	}
	return schemas
}

// found returns the schemas for a fleet's single host, in the cache.
func found(f *fleet.Fleet, cache string) (toolchain.Schemas, finding.List, error) {
	set, findings, err := conform.Find(f, cache)
	if err != nil {
		return toolchain.Schemas{}, nil, err
	}
	schemas, err := set.Ready("")
	return schemas, findings, err
}

func fleetOf(version, root string, schemas ...string) *fleet.Fleet {
	return &fleet.Fleet{Root: root, Dir: "clusters", File: "clusters/fleet.yaml",
		Spec: fleet.FleetSpec{Host: fleet.Host{KubernetesVersion: version}, Schemas: schemas}}
}

func check(t testing.TB, schemas toolchain.Schemas, files manifest.Files) finding.List {
	t.Helper()
	c := fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{Namespace: "dev"}}
	findings, err := conform.Check(context.Background(), kubeconform, schemas, conform.Job{Cluster: c, Files: manifest.ParseAll(manifest.Rendered, files)})[0].Get()
	if err != nil {
		t.Fatal(err)
	}
	return findings
}

func write(t testing.TB, root string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
