package publish

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// importFiles puts the files into the object store byte for byte, whatever filters and
// line ends are configured: the locks hold their digests. It returns their index entries,
// and the tree that base has with them.
//
// git fast-import writes one pack, of contents, folders and all, which the push takes as it
// is. For 10,000 new clusters (70,000 files in 40,000 folders) hash-object and write-tree,
// which make a file of each, took 49 s, the push 17 s, and the repository grew by 440 MB;
// fast-import took 35 s, its push 7 s, and 37 MB (docs/performance.md).
func (g git) importFiles(ctx context.Context, root *os.Root, files []string, base string) (all []string, tree string, err error) {
	there, gone, err := sorted(root, files)
	if err != nil {
		return nil, "", err
	}
	temp, err := os.MkdirTemp("", "kasou-import-*")
	if err != nil {
		return nil, "", err
	}
	defer os.RemoveAll(temp)
	marks := filepath.Join(temp, "marks")
	ref := fmt.Sprintf("refs/kasou/%016x", rand.Uint64())
	defer func() { _, _ = g.run(context.WithoutCancel(ctx), nil, "update-ref", "-d", ref) }()
	feed := func(w io.Writer) error { return feed(w, root, there, gone, ref, base) }
	if _, err := g.stream(ctx, feed, "fast-import", "--quiet", "--done", "--export-marks="+marks); err != nil {
		return nil, "", err
	}
	ids, err := readMarks(marks, len(there))
	if err != nil {
		return nil, "", err
	}
	tree, err = g.line(ctx, "rev-parse", "--verify", ref+"^{tree}")
	return entries(there, ids, gone, len(base)), tree, err
}

// feed writes what git fast-import reads: the contents, each with its number as a mark,
// and a commit that is never published, for its tree.
func feed(to io.Writer, root *os.Root, there, gone []string, ref, base string) error {
	w := bufio.NewWriterSize(to, 1<<16)
	for i, file := range there {
		data, err := root.ReadFile(filepath.FromSlash(file))
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "blob\nmark :%d\ndata %d\n", i+1, len(data))
		if _, err := w.Write(data); err != nil {
			return err
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "commit %s\ncommitter kasou <kasou> 0 +0000\ndata 0\nfrom %s\n", ref, base)
	for _, file := range gone {
		fmt.Fprintf(w, "D %s\n", file)
	}
	for i, file := range there {
		fmt.Fprintf(w, "M 100644 :%d %s\n", i+1, file)
	}
	fmt.Fprintln(w, "\ndone")
	return w.Flush()
}

// readMarks returns the ids of the marks 1 to n.
func readMarks(file string, n int) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil && (n > 0 || !errors.Is(err, os.ErrNotExist)) {
		return nil, err
	}
	ids := make([]string, n)
	for line := range strings.Lines(string(data)) {
		mark, id, ok := strings.Cut(strings.TrimSpace(line), " ")
		i, err := strconv.Atoi(strings.TrimPrefix(mark, ":"))
		if !ok || err != nil || i < 1 || i > n {
			return nil, fmt.Errorf("git fast-import gave the mark %q for %d files", strings.TrimSpace(line), n)
		}
		ids[i-1] = id
	}
	for i, id := range ids {
		if id == "" {
			return nil, fmt.Errorf("git fast-import gave no id for file %d of %d", i+1, n)
		}
	}
	return ids, nil
}
