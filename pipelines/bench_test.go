package pipelines_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
)

// fleetOf makes a fleet of n clusters with one chart; an empty archive is our
// own chart.
func fleetOf(b *testing.B, n int, archive string) fleettest.Repo {
	b.Helper()
	repo, chart := fleettest.New(b, "1.34.1"), "charts/vcluster"
	if archive == "" {
		if err := os.CopyFS(filepath.Join(repo.Root, "charts"), os.DirFS("../charts")); err != nil {
			b.Fatal(err)
		}
	} else {
		chart = "charts/" + filepath.Base(archive)
		repo.Copy(b, chart, archive)
	}
	for i := range n {
		repo.Cluster(b, fmt.Sprintf("c%05d", i), fmt.Sprintf("  chart: {path: %s}\n  ingress: {enabled: true, host: c%d.example.com}\n", chart, i))
	}
	return repo
}

// BenchmarkFleet measures the cost of one cluster in a fleet of 200: cold (written
// for the first time), with nothing changed, and checked.
func BenchmarkFleet(b *testing.B) {
	const clusters = 200
	for _, chart := range []string{"", "vcluster-0.4.3", "vcluster-0.36.1"} {
		archive := ""
		if chart != "" {
			archive = upstream.Chart(b, chart)
		}
		b.Run("chart="+chart+"/cold", func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				repo := fleetOf(b, clusters, archive)
				options := repo.Options(b, tools(b))
				b.StartTimer()
				run(b, pipelines.Build, options)
			}
			perCluster(b, clusters)
		})
		for name, pipeline := range map[string]pipelines.Pipeline{"unchanged": pipelines.Build, "check": pipelines.Check} {
			b.Run("chart="+chart+"/"+name, func(b *testing.B) {
				options := fleetOf(b, clusters, archive).Options(b, tools(b))
				options.Diff = false
				run(b, pipelines.Build, options)
				b.ResetTimer()
				for range b.N {
					run(b, pipeline, options)
				}
				perCluster(b, clusters)
			})
		}
	}
}

func run(b *testing.B, p pipelines.Pipeline, o pipelines.Options) {
	b.Helper()
	r, err := p(context.Background(), o)
	fleettest.MustPass(b, r, err)
}

func perCluster(b *testing.B, clusters int) {
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*clusters), "µs/cluster")
}
