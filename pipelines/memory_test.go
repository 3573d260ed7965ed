package pipelines_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
)

// counting counts renders.
type counting struct {
	toolchain.Toolchain
	renders atomic.Int64
}

func (c *counting) Template(ctx context.Context, releases ...toolchain.Release) []toolchain.Result[manifest.Files] {
	c.renders.Add(int64(len(releases)))
	return c.Toolchain.Template(ctx, releases...)
}

// What was built is not rendered again, unless something that it comes from, or
// what became of it on disk, is another.
func TestUnchangedClustersAreNotRendered(t *testing.T) {
	repo := example(t, "one", "two", "three")
	repo.Copy(t, "charts/sealed.tgz", upstream.Chart(t, "vcluster-0.30.0"))
	repo.Cluster(t, "four", "  chart: {path: charts/sealed.tgz}\n")
	tools := &counting{Toolchain: tools(t)}
	options := repo.Options(t, tools)
	build := func(what string, renders int64, change func(o *pipelines.Options)) *report.Report {
		t.Helper()
		o := options
		o.Charts = repo.Options(t, tools).Charts // each run of kasou has its own
		if change != nil {
			change(&o)
		}
		tools.renders.Store(0)
		r, err := pipelines.Build(context.Background(), o)
		fleettest.MustPass(t, r, err)
		if got := tools.renders.Load(); got != renders {
			t.Errorf("%s: %d renders, want %d", what, got, renders)
		}
		return r
	}
	first := build("the first time", 4, nil)
	before := snapshot(t, repo.Root)
	if again := build("nothing changed", 0, nil); rules(again) != rules(first) || !has(first, "render-lookup") {
		t.Errorf("found %q, then %q", rules(first), rules(again))
	}
	build("without the memory", 4, func(o *pipelines.Options) { o.NoCache = true })
	if snapshot(t, repo.Root) != before {
		t.Error("a full build gives other bytes")
	}
	repo.Cluster(t, "two", "  ingress: {enabled: true, host: other.example.com}\n")
	build("one spec changed", 1, nil)
	repo.Cluster(t, "two", "  # said\n  ingress: {enabled: true, host: other.example.com}\n")
	build("one comment written", 0, nil)
	build("after the comment", 0, nil)
	caches, err := filepath.Glob(filepath.Join(options.Cache, "built", "*"))
	if err != nil || len(caches) != 1 {
		t.Fatalf("%v, %v in the cache", caches, err)
	}
	if err := os.Truncate(caches[0], 100); err != nil {
		t.Fatal(err)
	}
	build("half the memory lost", 4, nil)
	if err := os.Remove(caches[0]); err != nil {
		t.Fatal(err)
	}
	build("all of it lost", 4, nil)

	file := "clusters/three/manifests/vcluster/templates/network.yaml"
	good := repo.Read(t, file)
	repo.Write(t, file, []byte(strings.Replace(string(good), "https", "httpz", 1)))
	build("one file edited", 1, nil)
	if string(repo.Read(t, file)) != string(good) {
		t.Error("the edit was not undone")
	}
	build("after the edit was undone", 0, nil)

	lock := repo.Read(t, "clusters/three/lock.yaml")
	repo.Write(t, "clusters/three/lock.yaml", append(lock, "# x\n"...))
	build("a comment in a lock", 1, nil)
	if string(repo.Read(t, "clusters/three/lock.yaml")) != string(lock) {
		t.Error("the comment in the lock was not undone")
	}

	repo.Write(t, "clusters/sealed-secrets.crt", sealtest.NewKeyPair(t).Certificate)
	build("another certificate", 4, nil)
	build("a value sealed with the old one", 1, nil)
	fleet := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(fleet, "1.34.1", "1.33.1", 1)))
	build("another Kubernetes version", 4, nil)
}
