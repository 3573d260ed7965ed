package dagger

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain/embedded"
)

// Two shards, each on a machine and in a session of its own, together write
// what one run without shards writes.
func TestTwoShardsMakeOneTree(t *testing.T) {
	needEngine(t)
	fill := func(repo fleettest.Repo) {
		if err := os.CopyFS(filepath.Join(repo.Root, "charts"), os.DirFS(filepath.Join("..", "..", "..", "charts"))); err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			repo.Cluster(t, fmt.Sprintf("s%d", i), fmt.Sprintf("  ingress: {enabled: true, host: s%d.example.com}\n", i))
		}
	}
	e, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	whole := fleettest.New(t, "1.34.1")
	fleettest.MustPass(t, built(t, whole, linked{e}, fill), nil)

	together, wrote := manifest.Files{}, 0
	for index := 1; index <= 2; index++ {
		tools, err := Connect(t.Context(), Options{Cache: toolCache(t), Log: testLog})
		if err != nil {
			t.Fatal(err)
		}
		repo := fleettest.New(t, "1.34.1")
		repo.Write(t, "clusters/sealed-secrets.crt", whole.Keys.Certificate)
		fill(repo)
		options := repo.Options(t, tools)
		options.Shard = pipelines.Shard{Index: index, Count: 2}
		r, err := pipelines.Build(t.Context(), options)
		fleettest.MustPass(t, r, err)
		if n := r.Count(report.Changed); n == 0 || n == 10 {
			t.Errorf("shard %d built %d of 10 clusters", index, n)
		} else {
			wrote += n
		}
		maps.Copy(together, generated(t, repo.Root))
		if err := tools.Close(); err != nil {
			t.Error(err)
		}
	}
	want := generated(t, whole.Root)
	if wrote != 10 || len(together) != len(want) {
		t.Errorf("%d clusters, %d files; want 10 and %d", wrote, len(together), len(want))
	}
	for _, name := range want.Paths() {
		if !bytes.Equal(want[name], together[name]) {
			t.Errorf("%s differs", name)
		}
	}
}
