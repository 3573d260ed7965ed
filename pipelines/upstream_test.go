package pipelines_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/realtool"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

func TestMain(m *testing.M) {
	embedded.WorkerMain()
	code := m.Run()
	realtool.Remove()
	os.Exit(code)
}

func tools(t testing.TB) toolchain.Toolchain {
	t.Helper()
	tools, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tools.Close() })
	return tools
}

// upstreamFleet has a cluster for each upstream chart, named like its archive.
func upstreamFleet(t testing.TB) (repo fleettest.Repo, names []string) {
	t.Helper()
	repo = fleettest.New(t, "1.34.1")
	for i, archive := range upstream.All(t) {
		base := filepath.Base(archive)
		name := strings.NewReplacer(".tgz", "", ".", "-").Replace(base)
		repo.Copy(t, "charts/"+base, archive)
		spec := fmt.Sprintf("  chart: {path: charts/%s}\n  ingress: {enabled: true, host: c%d.example.com, className: nginx}\n", base, i)
		repo.Cluster(t, name, spec)
		names = append(names, name)
	}
	return repo, names
}

// Every chart builds, a second build changes nothing, a check is clean, and
// every rendered file is the helm command's, but for the Secrets that were
// sealed.
func TestUpstreamChartsBuildAsHelmRendersThem(t *testing.T) {
	repo, names := upstreamFleet(t)
	options := repo.Options(t, tools(t))
	r, err := pipelines.Build(context.Background(), options)
	fleettest.MustPass(t, r, err)
	if got := r.Count(report.Changed); got != len(names) {
		t.Errorf("%d of %d clusters were built", got, len(names))
	}
	before := snapshot(t, repo.Root)
	for _, again := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
		r, err = again(context.Background(), options)
		fleettest.MustPass(t, r, err)
	}
	if r.Count(report.Unchanged) != len(names) || len(r.Fleet) > 0 {
		fleettest.Print(t, r)
		t.Error("a second run changes something")
	}
	if after := snapshot(t, repo.Root); after != before {
		t.Error("a second build or a check wrote to disk")
	}
	sealed := 0
	for _, name := range names {
		t.Run(name, func(t *testing.T) { sealed += compareWithHelm(t, repo, name) })
	}
	if sealed == 0 {
		t.Error("no chart rendered a Secret; 0.20 and later do")
	}
}

func compareWithHelm(t *testing.T, repo fleettest.Repo, name string) (sealed int) {
	t.Helper()
	lock, err := lockfile.Parse(repo.Read(t, "clusters/"+name+"/lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := realtool.HelmTemplate(t, toolchain.Release{
		Name: name, Namespace: name, KubeVersion: "1.34.1",
		Chart:  toolchain.Chart{Archive: repo.Read(t, lock.Chart.Path)},
		Values: repo.Read(t, "clusters/"+name+"/values.yaml"),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files.Paths() {
		got := repo.Read(t, "clusters/"+name+"/manifests/"+file)
		if bytes.Contains(files[file], []byte("kind: Secret\n")) {
			sealed++
			opened := repo.Keys.Unseal(t, got)
			if len(opened.Data) == 0 || bytes.Contains(got, []byte("kind: Secret\n")) {
				t.Errorf("%s is not sealed, or empty", file)
			}
			continue
		}
		if !bytes.Equal(got, files[file]) {
			t.Errorf("%s differs from helm's", file)
		}
	}
	return sealed
}

// snapshot returns paths and contents of everything below root but the cache.
func snapshot(t testing.TB, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.Name() == ".cache" {
			return filepath.SkipDir
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%s %s\n", path, manifest.Digest(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
