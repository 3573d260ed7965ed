// Package charttest packs small Helm charts for tests.
package charttest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"maps"
	"slices"
	"testing"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// ChartYAML is for charts that say nothing special about themselves.
const ChartYAML = "apiVersion: v2\nname: c\nversion: 1.0.0\n"

// Pack makes a chart of files below the chart's folder; Chart.yaml is added
// where there is none.
func Pack(t testing.TB, files map[string]string) toolchain.Chart {
	t.Helper()
	files = maps.Clone(files)
	if files == nil {
		files = map[string]string{}
	}
	if files["Chart.yaml"] == "" {
		files["Chart.yaml"] = ChartYAML
	}
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		if err := w.WriteHeader(&tar.Header{Name: "c/" + name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	return toolchain.Chart{Name: "c", Version: "1.0.0", Digest: manifest.Digest(data), Archive: data, Source: t.Name()}
}
