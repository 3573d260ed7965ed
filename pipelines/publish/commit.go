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
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	entries, tree, err := p.git.importFiles(ctx, root, built.Files, base)
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

// onDisk returns the index entries of the files as they are below dir. idLength is that
// of the repository's ids.
func (g git) onDisk(ctx context.Context, dir string, files []string, idLength int) ([]string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	there, gone, err := sorted(root, files)
	if err != nil {
		return nil, err
	}
	ids, err := g.hash(ctx, dir, there)
	if err != nil {
		return nil, err
	}
	return entries(there, ids, gone, idLength), nil
}

// sorted returns the files that are there, and those that are not, each sorted and once.
func sorted(root *os.Root, files []string) (there, gone []string, err error) {
	for _, file := range slices.Compact(slices.Sorted(slices.Values(files))) {
		switch present, err := present(root, file); {
		case err != nil:
			return nil, nil, err
		case present:
			there = append(there, file)
		default:
			gone = append(gone, file)
		}
	}
	return there, gone, nil
}

// entries returns the index entries of files by their ids, and of those that are gone.
func entries(there, ids, gone []string, idLength int) []string {
	all := make([]string, 0, len(there)+len(gone))
	for _, file := range gone {
		all = append(all, entry("0", strings.Repeat("0", idLength), file))
	}
	for i, file := range there {
		all = append(all, entry("100644", ids[i], file))
	}
	return all
}

func entry(mode, id, file string) string { return mode + " " + id + "\t" + file + "\x00" }

// present reports whether the file is there; anything but a plain file is an error.
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

func (g git) hash(ctx context.Context, dir string, files []string) ([]string, error) {
	var list strings.Builder
	for _, file := range files {
		list.WriteString(filepath.Join(dir, filepath.FromSlash(file)) + "\n")
	}
	out, err := g.run(ctx, []byte(list.String()), "hash-object", "--no-filters", "--stdin-paths")
	if err != nil {
		return nil, err
	}
	ids := strings.Fields(out)
	if len(ids) != len(files) {
		return nil, fmt.Errorf("git hash-object gave %d ids for %d files", len(ids), len(files))
	}
	return ids, nil
}
