package conform_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/realtool"
	"kasou/internal/upstream"
	"kasou/pipelines/toolchain"
)

// What the real helm command renders from every upstream chart conforms, for
// the oldest Kubernetes, a middle one and the newest.
func TestUpstreamChartsConform(t *testing.T) {
	for _, path := range upstream.All(t) {
		archive, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		chart := strings.TrimSuffix(filepath.Base(path), ".tgz")
		for _, version := range []string{"1.28.15", "1.34.1", "1.37.2"} {
			t.Run(chart+" on "+version, func(t *testing.T) {
				files, err := realtool.HelmTemplate(t, toolchain.Release{
					Name: "dev", Namespace: "dev", Chart: toolchain.Chart{Archive: archive}, KubeVersion: version,
				})
				if err != nil {
					t.Fatal(err)
				}
				if len(files) < 5 {
					t.Fatalf("only %d files", len(files))
				}
				for _, f := range check(t, open(t, version), files) {
					t.Errorf("%s", f)
				}
			})
		}
	}
}

func TestNullStorageClassOfOldCharts(t *testing.T) {
	archive, err := os.ReadFile(upstream.Chart(t, "vcluster-0.4.3"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := realtool.HelmTemplate(t, toolchain.Release{
		Name: "dev", Namespace: "dev", Chart: toolchain.Chart{Archive: archive}, KubeVersion: "1.34.1",
	})
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range files.Paths() {
		all.Write(files[name])
	}
	if !strings.Contains(all.String(), "storageClassName: \n") && !strings.Contains(all.String(), "storageClassName: null") &&
		!strings.Contains(all.String(), "storageClassName:\n") {
		t.Fatal("the chart renders no null storageClassName any more: this test shows nothing")
	}
	if findings := check(t, open(t, "1.34.1"), files); len(findings) > 0 {
		t.Error(findings)
	}
}
