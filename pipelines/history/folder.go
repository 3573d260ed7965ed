package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
)

// Files are those that a change starts from.
type Files interface {
	// File returns a file's content, by its path from the root; nil where there is none.
	File(ctx context.Context, path string) ([]byte, error)
	// Differs returns the paths, from the root, of the files that match the pattern of a
	// glob and are not in the working copy as they are here.
	Differs(ctx context.Context, pattern string) ([]string, error)
	Close()
}

var (
	_ Files = (*Tree)(nil)
	_ Files = (*Folder)(nil)
)

// Folder is a checkout of the commit that a change starts from, for where there is no
// git, such as in a container.
type Folder struct{ before, now *os.Root }

// OpenFolder opens the checkout, and the working copy at root that it is compared with.
func OpenFolder(checkout, root string) (*Folder, error) {
	before, err := os.OpenRoot(checkout)
	if err != nil {
		return nil, fmt.Errorf("open what to compare with: %w", err)
	}
	now, err := os.OpenRoot(root)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the repo: %w", err), before.Close())
	}
	return &Folder{before, now}, nil
}

// File returns a file of the checkout.
func (f *Folder) File(_ context.Context, name string) ([]byte, error) { return maybe(f.before, name) }

// maybe reads a plain file; nil where there is none.
func maybe(root *os.Root, name string) ([]byte, error) {
	info, err := root.Lstat(path.Clean(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, nil
	}
	return root.ReadFile(path.Clean(name))
}

// Differs compares the files of both that match the pattern.
func (f *Folder) Differs(_ context.Context, pattern string) ([]string, error) {
	seen := map[string]bool{}
	var differ []string
	for _, root := range []*os.Root{f.before, f.now} {
		names, err := fs.Glob(root.FS(), pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", pattern, err)
		}
		for _, name := range names {
			if seen[name] {
				continue
			}
			seen[name] = true
			before, errBefore := maybe(f.before, name)
			now, errNow := maybe(f.now, name)
			if err := errors.Join(errBefore, errNow); err != nil {
				return nil, err
			}
			if !bytes.Equal(before, now) {
				differ = append(differ, name)
			}
		}
	}
	return differ, nil
}

// Close closes both folders.
func (f *Folder) Close() { _, _ = f.before.Close(), f.now.Close() }
