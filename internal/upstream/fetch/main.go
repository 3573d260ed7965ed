// Command fetch downloads the vcluster charts that tests run on into a folder, each
// pinned by its digest: make charts.
//
// A chart that is packed anew has other bytes and the same files, so a digest over the
// files counts, too.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// charts.txt has a chart a line: NAME-VERSION, its URL, the SHA-256 of the archive, and
// that of its files.
//
//go:embed charts.txt
var table string

// maximum bounds an archive, in bytes: the largest has 75 KB.
const maximum = 4 << 20

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "fetch: it takes the folder to put the charts into")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, table, os.Args[1])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fetch:", err)
		os.Exit(1)
	}
}

// pin is one line of the table.
type pin struct{ name, url, archive, files string }

func pins(table string) ([]pin, error) {
	var all []pin
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 4 || len(fields[2]) != 64 || len(fields[3]) != 64 {
			return nil, fmt.Errorf("the line %q has no name, URL and two digests", strings.TrimSpace(line))
		}
		all = append(all, pin{fields[0], fields[1], fields[2], fields[3]})
	}
	return all, nil
}

// run fetches every chart of the table that is not in dir yet. The error names all that
// could not be had.
func run(ctx context.Context, table, dir string) error {
	all, err := pins(table)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var failed error
	for _, p := range all {
		if err := p.fetch(ctx, filepath.Join(dir, p.name+".tgz")); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.name, err))
		}
	}
	return failed
}

func (p pin) fetch(ctx context.Context, to string) error {
	if data, err := os.ReadFile(to); err == nil && p.check(data) == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", p.url, response.Status)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, maximum+1))
	if err != nil {
		return err
	}
	if err := p.check(data); err != nil {
		return err
	}
	temp := to + ".part"
	if err := os.WriteFile(temp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(temp, to)
}

// check returns an error for an archive that is not the pinned one, nor the same files
// packed anew.
func (p pin) check(data []byte) error {
	if len(data) > maximum {
		return fmt.Errorf("the archive has more than %d bytes", maximum)
	}
	archive := digest(data)
	if archive == p.archive {
		return nil
	}
	files, err := filesDigest(data)
	if err != nil {
		return fmt.Errorf("it is not a chart's archive: %w", err)
	}
	if files != p.files {
		return fmt.Errorf("it is another chart: archive %s, files %s", archive, files)
	}
	return nil
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// filesDigest returns the SHA-256 over the names and digests of the files in an archive,
// sorted by name. Chart.yaml counts by what it says, since packing writes it anew.
func filesDigest(archive []byte) (string, error) {
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	var lines []string
	total := int64(0)
	for r := tar.NewReader(zipped); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return "", err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(io.LimitReader(r, 8*maximum))
		if total += int64(len(data)); err != nil || total >= 8*maximum {
			return "", fmt.Errorf("%s cannot be read, or is too large: %w", header.Name, errors.Join(err, io.ErrShortBuffer))
		}
		if filepath.Base(header.Name) == "Chart.yaml" {
			if data, err = yaml.YAMLToJSON(data); err != nil {
				return "", err
			}
		}
		lines = append(lines, header.Name+" "+digest(data)+"\n")
	}
	slices.Sort(lines)
	return digest([]byte(strings.Join(lines, ""))), nil
}
