package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"path"
)

// packedFile is a file of a chart's folder, its name from there.
type packedFile struct {
	name string
	data []byte
}

// pack returns the files as an uncompressed tar that depends on their names and
// contents alone.
func pack(chartName string, files []packedFile) ([]byte, error) {
	var packed bytes.Buffer
	writer := tar.NewWriter(&packed)
	for _, file := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg,
			Name:     path.Join(chartName, file.name),
			Size:     int64(len(file.data)),
			Mode:     0o644,
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.data); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// compress returns data in gzip without a name and a time.
func compress(data []byte) ([]byte, error) {
	var compressed bytes.Buffer
	writer := gzip.NewWriter(&compressed)
	if _, err := writer.Write(data); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return compressed.Bytes(), nil
}
