package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/upstream"
)

const chartYAML = "apiVersion: v2\nname: demo\nversion: 1.2.3\n"

// tarball makes an archive of entries, none of them checked.
func tarball(t *testing.T, headers ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	writer := tar.NewWriter(zipped)
	for _, header := range headers {
		data := header.PAXRecords["data"]
		header.PAXRecords = nil
		header.Size = int64(len(data))
		if header.Typeflag == 0 {
			header.Typeflag = tar.TypeReg
		}
		if err := writer.WriteHeader(&header); err != nil {
			t.Fatal(err)
		}
		if _, err := writer.Write([]byte(data)); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func entry(name, data string) tar.Header {
	return tar.Header{Name: name, PAXRecords: map[string]string{"data": data}}
}

func TestScanRefuses(t *testing.T) {
	chart := entry("demo/Chart.yaml", chartYAML)
	many := func() []tar.Header {
		headers := []tar.Header{chart}
		for i := range 10_001 {
			headers = append(headers, entry(fmt.Sprintf("demo/f%d", i), ""))
		}
		return headers
	}()
	large := []tar.Header{chart}
	for i := range 30 {
		large = append(large, entry(fmt.Sprintf("demo/z%d", i), strings.Repeat("\x00", 4<<20)))
	}
	nested := tarball(t, entry("sub/Chart.yaml", chartYAML), entry("sub/charts/deep.tgz", string(tarball(t, many...))))
	for _, test := range []struct {
		name    string
		archive []byte
		want    string
	}{
		{"too many entries", tarball(t, many...), "more entries than the limit of 10000"},
		{"too many entries in a subchart of a subchart", tarball(t, chart, entry("demo/charts/sub.tgz", string(nested))), "more entries than the limit of 10000"},
		{"a bomb", tarball(t, large...), "unpacks to more than the limit of 104857600 bytes"},
		{"a large file", tarball(t, chart, entry("demo/big", strings.Repeat("\x00", 6<<20))), "more than the limit of 5242880"},
		{"a name with ..", tarball(t, chart, entry("demo/../../x", "")), "leaves the chart"},
		{"a name with .. of Windows", tarball(t, chart, entry(`demo\..\x`, "")), "leaves the chart"},
		{"an absolute name", tarball(t, chart, entry("/etc/passwd", "")), "absolute name"},
		{"a drive", tarball(t, chart, entry("demo/c:/x", "")), "absolute name"},
		{"a symbolic link", tarball(t, chart, tar.Header{Name: "demo/values.yaml", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), "neither a file nor a folder"},
		{"a hard link", tarball(t, chart, tar.Header{Name: "demo/values.yaml", Typeflag: tar.TypeLink, Linkname: "demo/Chart.yaml"}), "neither a file nor a folder"},
		{"a device", tarball(t, chart, tar.Header{Name: "demo/null", Typeflag: tar.TypeChar}), "neither a file nor a folder"},
		{"a file twice", tarball(t, chart, entry("demo/a", "1"), entry("demo/./a", "2")), "twice"},
		{"a file twice by another folder", tarball(t, chart, entry("demo/a", "1"), entry("other/a", "2")), "twice"},
		{"a file beside the folder", tarball(t, chart, entry("a", "1")), "outside of the chart's folder"},
		{"cut off", tarball(t, chart, entry("demo/a", strings.Repeat("abc", 999)))[:90], "cannot be read"},
		{"no gzip", []byte("PK\x03\x04"), "not a gzipped tar"},
		{"a large archive", make([]byte, 21<<20), "more than the limit of 20971520"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := scan(test.archive, DefaultLimits)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestNotAChart(t *testing.T) {
	for name, test := range map[string][2]string{
		"no Chart.yaml":      {"", "no Chart.yaml"},
		"a library":          {chartYAML + "type: library\n", "library"},
		"no YAML":            {"{", "cannot be read"},
		"apiVersion v3":      {strings.Replace(chartYAML, "v2", "v3", 1), `"v3"`},
		"no version":         {"apiVersion: v2\nname: demo\n", "version is required"},
		"a name with a path": {strings.Replace(chartYAML, "demo", "../demo", 1), "name"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []tar.Header{entry("demo/values.yaml", "")}
			if test[0] != "" {
				headers = append(headers, entry("demo/Chart.yaml", test[0]))
			}
			root := t.TempDir()
			writeFile(t, filepath.Join(root, "demo.tgz"), string(tarball(t, headers...)))
			fetchFinding(t, NewStore(root), pathRef("demo.tgz"), nil, RuleNotAChart, test[1])
		})
	}
}

func TestUpstreamChartsAreFine(t *testing.T) {
	for _, file := range upstream.All(t) {
		archive, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := open(archive, DefaultLimits, "", file, "path")
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if want := strings.TrimSuffix(filepath.Base(file), ".tgz"); got.chart.Name+"-"+got.chart.Version != want {
			t.Errorf("%s is %s %s", file, got.chart.Name, got.chart.Version)
		}
	}
}
