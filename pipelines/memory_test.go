package pipelines_test

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/cache"
	"kasou/pipelines/lockfile"
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

// Whoever can write into the cache, as another job of CI might, can say that nothing is to be
// done, and no more: nothing is written but by the files.
func TestAForgedCacheWritesNothing(t *testing.T) {
	repo := example(t, "one", "two")
	options := repo.Options(t, tools(t))
	build := func(t *testing.T, noCache bool) {
		t.Helper()
		o := options
		o.NoCache = noCache
		r, err := pipelines.Build(t.Context(), o)
		fleettest.MustPass(t, r, err)
	}
	build(t, false)
	before, two := snapshot(t, repo.Root), repo.Read(t, "clusters/two/spec.yaml")
	appOfApps := func() os.FileInfo {
		t.Helper()
		info, err := os.Stat(filepath.Join(repo.Root, "clusters/bootstrap/root.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	text := func(name string) string {
		sum := sha256.Sum256(repo.Read(t, name))
		return string(sum[:])
	}
	forge := func(change func(f *cache.File)) {
		t.Helper()
		f := cache.OpenFor(options.Cache, options.Root, options.Dir)
		keys := []string{"fleet " + text("clusters/fleet.yaml")}
		for _, name := range []string{"one", "two"} {
			keys = append(keys, "cluster "+name, "lock "+name, "spec "+text("clusters/"+name+"/spec.yaml"))
		}
		for _, key := range keys {
			if !f.Has(key) { // what is asked for is kept
				t.Fatalf("the cache lacks %q", key)
			}
		}
		change(f)
		f.Keep()
	}
	said := func(key string, change func(spec map[string]any)) func(f *cache.File) {
		return func(f *cache.File) {
			var raw map[string]any
			if !f.Get(key, &raw) {
				t.Fatalf("nothing is kept for %q", key)
			}
			spec, ok := raw["spec"].(map[string]any)
			if !ok {
				spec = map[string]any{}
			}
			change(spec)
			raw["spec"] = spec
			f.Put(key, raw)
		}
	}
	lock := func(change func(l *lockfile.Lock)) func(f *cache.File) {
		return func(f *cache.File) {
			var l lockfile.Lock
			if !f.Get("lock one", &l) {
				t.Fatal("nothing is kept of the lock")
			}
			change(&l)
			f.Put("lock one", &l)
		}
	}
	one, shared := "spec "+text("clusters/one/spec.yaml"), "fleet "+text("clusters/fleet.yaml")
	for what, change := range map[string]func(f *cache.File){
		"another namespace": said(one, func(spec map[string]any) { spec["namespace"] = "kube-system" }),
		"a value":           said(one, func(spec map[string]any) { spec["values"] = map[string]any{"syncer": map[string]any{"image": "evil"}} }),
		"another repository": said(shared, func(spec map[string]any) {
			spec["repository"] = map[string]any{"url": "https://example.com/evil.git"}
		}),
		"a kind of the lock": lock(func(l *lockfile.Lock) {
			l.ClusterScoped = append(l.ClusterScoped, "rbac.authorization.k8s.io/ClusterRoleBinding")
		}),
		"a file of the lock": lock(func(l *lockfile.Lock) { l.Files["../README.md"] = l.Files["one/values.yaml"] }),
		"no file of the lock": lock(func(l *lockfile.Lock) {
			l.Files = map[string]string{"one/values.yaml": l.Files["one/values.yaml"]}
		}),
	} {
		t.Run(what, func(t *testing.T) {
			if err := os.RemoveAll(filepath.Join(options.Cache, "built")); err != nil {
				t.Fatal(err)
			}
			build(t, false)
			forge(change)
			written := appOfApps().ModTime()
			build(t, false)
			if snapshot(t, repo.Root) != before {
				t.Error("it came into the tree")
			}
			if !appOfApps().ModTime().Equal(written) { // an inode is soon used again
				t.Error("it was in the tree for a moment")
			}
			// The same, where another cluster has to be built.
			build(t, false)
			forge(change)
			repo.Cluster(t, "two", "  ingress: {enabled: true, host: other.example.com}\n")
			build(t, false)
			got := snapshot(t, repo.Root)
			build(t, true)
			if snapshot(t, repo.Root) != got {
				t.Error("it came into the tree when another cluster was built")
			}
			repo.Write(t, "clusters/two/spec.yaml", two)
			build(t, true)
			build(t, false)
			if snapshot(t, repo.Root) != before {
				t.Error("the tree is not as it was")
			}
		})
	}
}

// A folder that holds nothing but what a killed build left is nobody's cluster, however deep
// that lies.
func TestWhatAKillLeftIsNoCluster(t *testing.T) {
	repo := example(t, "one")
	options := repo.Options(t, tools(t))
	for _, left := range []string{"clusters/gone/.kasou-lock.yaml.tmp", "clusters/gone/manifests/.kasou-a.yaml.tmp"} {
		repo.Write(t, left, []byte("a: 1\n"))
		r, err := pipelines.Build(t.Context(), options)
		fleettest.MustPass(t, r, err)
		if _, err := os.Stat(filepath.Join(repo.Root, "clusters/gone")); !os.IsNotExist(err) {
			t.Errorf("%s: its folder is still there: %v", left, err)
		}
	}
}
