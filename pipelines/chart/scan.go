package chart

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"strings"
)

// Limits bound what an archive may be before anything loads it. Helm bounds
// only the sizes of files, so that millions of empty entries pass it.
type Limits struct {
	// Compressed, Uncompressed and File are in bytes: of the archive, of all
	// that it unpacks to (subcharts' archives included), and of one file.
	Compressed, Uncompressed, File int64
	// Entries is the number of tar entries, folders included.
	Entries int
	// Index is the size of a repository's index.yaml in bytes.
	Index int64
}

// DefaultLimits are Helm's for sizes, and far above any real chart for the
// rest.
var DefaultLimits = Limits{
	Compressed:   20 << 20,
	Uncompressed: 100 << 20,
	File:         5 << 20,
	Entries:      10_000,
	Index:        40 << 20,
}

const maxNesting = 8

var drivePath = regexp.MustCompile(`^[a-zA-Z]:`)

// scanner walks an archive, and the subcharts' archives in it, on one budget.
type scanner struct {
	limits    Limits
	entries   int
	remaining int64
	// unpacked counts what files say they hold: a sparse file is larger than
	// what is read for it.
	unpacked int64
}

// refusal is why an archive is not opened.
type refusal string

func (r refusal) Error() string { return string(r) }

func refuse(format string, args ...any) error { return refusal(fmt.Sprintf(format, args...)) }

// scan reads the whole archive without keeping more than one file of it, and
// gives the contents of its Chart.yaml, nil where it has none. The error says
// which limit or rule the archive breaks.
func scan(archive []byte, limits Limits) (chartYAML []byte, err error) {
	if int64(len(archive)) > limits.Compressed {
		return nil, refuse("it is %d bytes, more than the limit of %d", len(archive), limits.Compressed)
	}
	s := scanner{limits: limits, remaining: limits.Uncompressed}
	return s.archive(archive, 0)
}

func (s *scanner) archive(archive []byte, depth int) (chartYAML []byte, err error) {
	if depth > maxNesting {
		return nil, refuse("it nests archives more than %d deep", maxNesting)
	}
	unzipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, refuse("it is not a gzipped tar: %v", err)
	}
	reader := tar.NewReader(&budgetReader{r: unzipped, remaining: &s.remaining, limit: s.limits.Uncompressed})
	seen := map[string]bool{}
	for {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return chartYAML, nil
		}
		if err != nil {
			return nil, unreadable(err)
		}
		if s.entries++; s.entries > s.limits.Entries {
			return nil, refuse("it has more entries than the limit of %d", s.limits.Entries)
		}
		name, data, err := s.entry(header, reader, seen)
		if err != nil {
			return nil, err
		}
		if name == "Chart.yaml" {
			chartYAML = data
		}
		if isSubchartArchive(name) {
			if _, err := s.archive(data, depth+1); err != nil {
				return nil, refuse("its subchart %s: %v", name, err)
			}
		}
	}
}

// entry checks one tar entry and reads it. The name is Helm's: without the
// first path element, empty where Helm loads nothing.
func (s *scanner) entry(header *tar.Header, r io.Reader, seen map[string]bool) (string, []byte, error) {
	switch header.Typeflag {
	case tar.TypeXGlobalHeader:
		return "", nil, nil
	case tar.TypeReg, tar.TypeDir:
	default:
		return "", nil, refuse("its entry %q is neither a file nor a folder (tar type %q)", header.Name, header.Typeflag)
	}
	name, err := entryName(header.Name)
	if err != nil || header.FileInfo().IsDir() {
		return "", nil, err
	}
	if name == "." {
		return "", nil, refuse("its file %q is outside of the chart's folder", header.Name)
	}
	if seen[name] {
		return "", nil, refuse("it has %q twice", header.Name)
	}
	seen[name] = true
	if header.Size > s.limits.File {
		return "", nil, refuse("its file %q is %d bytes, more than the limit of %d", header.Name, header.Size, s.limits.File)
	}
	if s.unpacked += header.Size; s.unpacked > s.limits.Uncompressed {
		return "", nil, refuse("it unpacks to more than the limit of %d bytes", s.limits.Uncompressed)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return "", nil, unreadable(err)
	}
	return name, data, nil
}

// entryName returns the name under which Helm loads a tar entry.
func entryName(raw string) (string, error) {
	if strings.Contains(raw, "/") && strings.Contains(raw, `\`) {
		return "", refuse("its entry %q mixes / and \\", raw)
	}
	slashed := strings.ReplaceAll(raw, `\`, "/")
	if path.IsAbs(slashed) || drivePath.MatchString(slashed) {
		return "", refuse("its entry %q has an absolute name", raw)
	}
	for element := range strings.SplitSeq(slashed, "/") {
		if element == ".." {
			return "", refuse("its entry %q leaves the chart", raw)
		}
	}
	_, name, _ := strings.Cut(slashed, "/")
	if path.IsAbs(name) || drivePath.MatchString(name) {
		return "", refuse("its entry %q has an absolute name", raw)
	}
	return path.Clean(name), nil
}

// isSubchartArchive reports whether Helm unpacks the file as a subchart.
func isSubchartArchive(name string) bool {
	for {
		rest, ok := strings.CutPrefix(name, "charts/")
		if !ok {
			return false
		}
		first, below, deeper := strings.Cut(rest, "/")
		if strings.HasPrefix(first, "_") || strings.HasPrefix(first, ".") {
			return false
		}
		if !deeper {
			return path.Ext(first) == ".tgz"
		}
		name = below
	}
}

func unreadable(err error) error {
	if r, ok := errors.AsType[refusal](err); ok {
		return r
	}
	return refuse("it cannot be read: %v", err)
}

// budgetReader fails once more was read than the budget of the whole scan.
type budgetReader struct {
	r         io.Reader
	remaining *int64
	limit     int64
}

func (b *budgetReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if *b.remaining -= int64(n); *b.remaining < 0 {
		return n, refuse("it unpacks to more than the limit of %d bytes", b.limit)
	}
	return n, err
}
