package bundle

import (
	"bytes"
	"compress/gzip"
	"embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"kasou/pipelines/manifest"
)

//go:generate go run ./generate -crds $KASOU_CRDS

//go:embed data
var data embed.FS

// Entry is what the manifest says of one bundle.
type Entry struct {
	// Source is what the bundle was made from.
	Source string `json:"source"`
	// Content is the digest of the bundle, decompressed.
	Content string `json:"content"`
	// Files is the digest of the files that the bundle unfolds to.
	Files string `json:"files"`
}

const (
	// Custom names the bundle of Argo CD and Sealed Secrets kinds.
	Custom = "custom"
	// Extensions names the bundle of kinds that charts and extras render beside
	// Kubernetes' own: of the Gateway API, cert-manager, ExternalDNS and the Prometheus
	// Operator.
	Extensions = "extensions"
)

// Manifest returns every bundle in this binary by name: a Kubernetes minor
// version such as 1.34, Custom or Extensions.
func Manifest() (map[string]Entry, error) {
	text, err := data.ReadFile("data/manifest.json")
	if err != nil {
		return nil, fmt.Errorf("read the manifest of the schema bundles: %w", err)
	}
	var entries map[string]Entry
	if err := json.Unmarshal(text, &entries); err != nil {
		return nil, fmt.Errorf("read the manifest of the schema bundles: %w", err)
	}
	return entries, nil
}

// Load returns the bundle of that name, its digest checked.
func Load(name string) (*Bundle, error) {
	entries, err := Manifest()
	if err != nil {
		return nil, err
	}
	entry, ok := entries[name]
	if !ok {
		return nil, fmt.Errorf("no schema bundle %s", name)
	}
	packed, err := data.ReadFile("data/" + name + ".json.gz")
	if err != nil {
		return nil, fmt.Errorf("read the schema bundle %s: %w", name, err)
	}
	content, err := Unpack(packed)
	if err != nil {
		return nil, fmt.Errorf("schema bundle %s: %w", name, err)
	}
	if got := manifest.Digest(content); got != entry.Content {
		return nil, fmt.Errorf("schema bundle %s has digest %s, its manifest says %s", name, got, entry.Content)
	}
	return Decode(content)
}

// Minors returns the Kubernetes minor versions that have a bundle, such as 34
// for 1.34, from the oldest to the newest.
func Minors() ([]int, error) {
	entries, err := Manifest()
	if err != nil {
		return nil, err
	}
	var minors []int
	for name := range entries {
		text, ok := strings.CutPrefix(name, "1.")
		if !ok {
			continue
		}
		minor, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("schema bundle %q in the manifest: %w", name, err)
		}
		minors = append(minors, minor)
	}
	slices.Sort(minors)
	return minors, nil
}

// Pack compresses a bundle. The stream has no time and no name in it.
func Pack(content []byte) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return packed.Bytes(), nil
}

// Unpack returns what Pack compressed.
func Unpack(packed []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return content, nil
}
