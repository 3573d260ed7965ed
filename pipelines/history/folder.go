package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
)

// Files are those that a change starts from.
type Files interface {
	// File returns a file's content, by its path from the root; nil where there is none.
	File(ctx context.Context, path string) ([]byte, error)
	// Differs returns the paths, from the root, of the files that match one of the patterns of a
	// glob and are not in the working copy as they are here.
	Differs(ctx context.Context, patterns ...string) ([]string, error)
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

// Differs compares the files of both that match one of the patterns.
func (f *Folder) Differs(_ context.Context, patterns ...string) ([]string, error) {
	names := map[string]bool{}
	for _, root := range []*os.Root{f.before, f.now} {
		for _, pattern := range patterns {
			found, err := fs.Glob(root.FS(), pattern)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", pattern, err)
			}
			for _, name := range found {
				names[name] = true
			}
		}
	}
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(names)) {
		before, errBefore := maybe(f.before, name)
		now, errNow := maybe(f.now, name)
		if err := errors.Join(errBefore, errNow); err != nil {
			return nil, err
		}
		if !bytes.Equal(before, now) {
			differ = append(differ, name)
		}
	}
	return differ, nil
}

// Close closes both folders.
func (f *Folder) Close() { _, _ = f.before.Close(), f.now.Close() }
