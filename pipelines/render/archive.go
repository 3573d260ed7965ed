package render

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart/loader"
)

// unpack gives a chart's files by their path in the chart. Packed subcharts are
// unpacked into folders, which Helm takes just as well.
func unpack(archive []byte) (map[string]string, error) {
	buffered, err := loader.LoadArchiveFiles(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, f := range buffered {
		dir, base := path.Split(f.Name)
		if dir != "charts/" || path.Ext(base) != ".tgz" || strings.IndexAny(base, "_.") == 0 {
			files[f.Name] = string(f.Data)
			continue
		}
		below, err := unpack(f.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
		for name, data := range below {
			files[dir+strings.ReplaceAll(base, ".", "-")+"/"+name] = data
		}
	}
	return files, nil
}

// pack is unpack's way back: the same files give the same bytes.
func pack(files map[string]string) ([]byte, error) {
	var b bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		data := files[name]
		if err := w.WriteHeader(&tar.Header{Name: "chart/" + name, Mode: 0o644, Size: int64(len(data))}); err != nil {
			return nil, err
		}
		if _, err := w.Write([]byte(data)); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	if err := zipped.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
