package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/upstream"
)

// pack packs the files of a chart.
func pack(t *testing.T, level int, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(zipped)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1]))}); err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(files[i+1]))
	}
	_, _ = w.Close(), zipped.Close()
	return b.Bytes()
}

// Only what is pinned comes into the folder, and what is there is not fetched again.
func TestFetch(t *testing.T) {
	good := pack(t, 9, "a/Chart.yaml", "name: a\nversion: 1.0.0\n", "a/values.yaml", "x: 1\n")
	files, err := filesDigest(good)
	if err != nil {
		t.Fatal(err)
	}
	repacked := pack(t, 1, "a/values.yaml", "x: 1\n", "a/Chart.yaml", "version: \"1.0.0\"\nname: a\n")
	other := pack(t, 9, "a/Chart.yaml", "name: a\nversion: 1.0.0\n", "a/values.yaml", "x: 2\n")
	for _, test := range []struct {
		name   string
		answer []byte
		status int
		want   string
	}{
		{"the pinned one", good, 200, ""},
		{"packed anew", repacked, 200, ""},
		{"another one", other, 200, "it is another chart"},
		{"no archive", []byte("<html>"), 200, "not a chart's archive"},
		{"no answer", nil, 404, "404"},
		{"too large", bytes.Repeat([]byte{0}, maximum+1), 200, "more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.WriteHeader(test.status)
				_, _ = w.Write(test.answer)
			}))
			defer server.Close()
			dir := filepath.Join(t.TempDir(), "charts")
			table := fmt.Sprintf("# a comment\na-1.0.0 %s/a.tgz %s %s\n", server.URL, digest(good), files)
			err := run(t.Context(), table, dir)
			data, read := os.ReadFile(filepath.Join(dir, "a-1.0.0.tgz"))
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) || read == nil {
					t.Fatalf("%v, %v", err, read)
				}
				return
			}
			if err != nil || !bytes.Equal(data, test.answer) {
				t.Fatal(err)
			}
			if err := run(t.Context(), table, dir); err != nil || asked != 1 {
				t.Errorf("asked %d times, %v", asked, err)
			}
		})
	}
}

// The table is of the charts that the tests were written on.
func TestTable(t *testing.T) {
	all, err := pins(table)
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	dir := upstream.Charts(t)
	for _, p := range all {
		if want := "https://charts.loft.sh/charts/" + p.name + ".tgz"; p.url != want {
			t.Errorf("%s is fetched from %s", p.name, p.url)
		}
		data, err := os.ReadFile(filepath.Join(dir, p.name+".tgz"))
		if err != nil {
			t.Error(err)
			continue
		}
		if err := p.check(data); err != nil {
			t.Errorf("%s: %v", p.name, err)
		}
		if files, err := filesDigest(data); err != nil || files != p.files {
			t.Errorf("%s: its files have the digest %s, %v", p.name, files, err)
		}
	}
	if found := upstream.All(t); len(found) != len(all) {
		t.Errorf("the table has %d charts, and there are %d", len(all), len(found))
	}
	if _, err := pins("a b c\n"); err == nil {
		t.Error("a line without digests is taken")
	}
}
