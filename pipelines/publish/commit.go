package publish

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// commit is one that is in the object store, and in no branch yet.
type commit struct {
	id, base string
	// entries are what its files are in the index, in the format of
	// `git update-index --index-info -z`.
	entries []string
}

// commitFiles makes a commit on base that has the built files as they are
// below dir; nil where that changes nothing.
func (p *Publisher) commitFiles(ctx context.Context, dir string, built Built, base string) (*commit, error) {
	temp, err := os.MkdirTemp("", "kasou-index-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	index := p.git.with("GIT_INDEX_FILE=" + filepath.Join(temp, "index"))
	entries, err := p.store(ctx, dir, built.Files, len(base))
	if err != nil {
		return nil, err
	}
	if _, err := index.run(ctx, nil, "read-tree", base); err != nil {
		return nil, err
	}
	if err := index.setEntries(ctx, entries); err != nil {
		return nil, err
	}
	tree, err := index.line(ctx, "write-tree")
	if err != nil {
		return nil, err
	}
	before, err := p.git.line(ctx, "rev-parse", base+"^{tree}")
	if err != nil || tree == before {
		return nil, err
	}
	id, err := p.commitTree(ctx, tree, base, built.Message)
	return &commit{id: id, base: base, entries: entries}, err
}

func (p *Publisher) commitTree(ctx context.Context, tree, base string, message Message) (string, error) {
	args := []string{"commit-tree", "-p", base, "-F", "-"}
	if p.sign {
		args = append(args, "-S")
	}
	id, err := p.git.run(ctx, []byte(message.text(base)), append(args, tree)...)
	if err != nil && p.sign {
		return "", notReady("the commit could not be signed, and commit.gpgSign is set: "+scrub(err.Error()),
			"Make the key available, or set commit.gpgSign to false")
	}
	return strings.TrimSpace(id), err
}

func (g git) setEntries(ctx context.Context, entries []string) error {
	_, err := g.run(ctx, []byte(strings.Join(entries, "")), "update-index", "-z", "--index-info")
	return err
}

// store puts the files into the object store byte for byte, whatever filters
// and line ends are configured: the locks hold their digests. It gives their
// index entries. idLength is that of the repository's ids.
func (p *Publisher) store(ctx context.Context, dir string, files []string, idLength int) ([]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	files = slices.Compact(slices.Sorted(slices.Values(files)))
	var entries, there []string
	for _, file := range files {
		switch present, err := present(root, file); {
		case err != nil:
			return nil, err
		case present:
			there = append(there, file)
		default:
			entries = append(entries, entry("0", strings.Repeat("0", idLength), file))
		}
	}
	ids, err := p.hash(ctx, dir, there)
	if err != nil {
		return nil, err
	}
	for i, file := range there {
		entries = append(entries, entry("100644", ids[i], file))
	}
	return entries, nil
}

func entry(mode, id, file string) string { return mode + " " + id + "\t" + file + "\x00" }

// present says whether the file is there; anything but a plain file is an error.
func present(root *os.Root, file string) (bool, error) {
	if !fs.ValidPath(file) || strings.ContainsAny(file, "\r\n\"\x00") {
		return false, fmt.Errorf("%q cannot be published: not a path from the root, or not on one line", file)
	}
	info, err := root.Lstat(filepath.FromSlash(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case !info.Mode().IsRegular():
		return false, fmt.Errorf("%q cannot be published: not a plain file", file)
	}
	return true, nil
}

func (p *Publisher) hash(ctx context.Context, dir string, files []string) ([]string, error) {
	var list strings.Builder
	for _, file := range files {
		list.WriteString(filepath.Join(dir, filepath.FromSlash(file)) + "\n")
	}
	out, err := p.git.run(ctx, []byte(list.String()), "hash-object", "-w", "--no-filters", "--stdin-paths")
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(out)
	if len(ids) != len(files) {
		return nil, fmt.Errorf("git hash-object gave %d ids for %d files", len(ids), len(files))
	}
	return ids, nil
}
