//go:build !linux || portable

package tree

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"

	"github.com/gofrs/flock"
)

// folder is an open folder, reached by real folders only, on systems of which
// os.Root knows best how to stay within one.
type folder struct {
	in    *os.Root
	mutex *flock.Flock
}

func openTop(path string) (*folder, error) {
	in, err := os.OpenRoot(path)
	return &folder{in: in}, err
}

// sub opens the folder of the name. The error is a kindError where that is
// anything else.
func (f *folder) sub(name string) (*folder, error) {
	if _, err := f.expect(name, fs.ModeDir); err != nil {
		return nil, err
	}
	in, err := f.in.OpenRoot(name)
	return &folder{in: in}, err
}

// expect looks at the name before it is opened.
func (f *folder) expect(name string, want fs.FileMode) (fs.FileInfo, error) {
	info, err := f.in.Lstat(name)
	if err == nil && info.Mode().Type() != want {
		err = kindError(info.Mode())
	}
	return info, err
}

func (f *folder) close() error {
	if f.mutex != nil {
		_ = f.mutex.Close()
	}
	return f.in.Close()
}

// device gives the file system that the folder is on. Nobody asks for it here.
func (f *folder) device() (uint64, error) { return 0, errors.ErrUnsupported }

// kind gives what the name is, of a link the link itself.
func (f *folder) kind(name string) (fs.FileMode, error) {
	info, err := f.in.Lstat(name)
	if err != nil {
		return 0, err
	}
	return info.Mode().Type(), nil
}

// read appends the content of a regular file.
func (f *folder) read(name string, into []byte) ([]byte, error) {
	info, err := f.expect(name, 0)
	if err != nil {
		return nil, err
	}
	file, err := f.in.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// Whoever swapped in a link after the look above is found out here.
	if opened, err := file.Stat(); err != nil {
		return nil, err
	} else if !os.SameFile(info, opened) {
		return nil, kindError(0)
	}
	into = slices.Grow(into, int(info.Size())+1)
	for {
		n, err := file.Read(into[len(into):cap(into)])
		into = into[:len(into)+n]
		if errors.Is(err, io.EOF) {
			return into, nil
		}
		if err != nil {
			return nil, err
		}
		into = slices.Grow(into, 1)
	}
}

// readBelow is read for a path into folders below, where a system can do that in
// one step.
func (f *folder) readBelow(string, []byte) ([]byte, error) { return nil, errors.ErrUnsupported }

// newFile is a file that is being written.
type newFile struct{ file *os.File }

// create makes a file that was not there.
func (f *folder) create(name string) (newFile, error) {
	file, err := f.in.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	return newFile{file}, err
}

// finish writes the content and closes the file.
func (n newFile) finish(data []byte) error {
	_, err := n.file.Write(data)
	return errors.Join(err, n.file.Close())
}

// mkdir makes a folder, and opens it.
func (f *folder) mkdir(name string) (*folder, error) {
	if err := f.in.Mkdir(name, dirMode); err != nil {
		return nil, err
	}
	return f.sub(name)
}

func (f *folder) rename(from, to string) error { return f.in.Rename(from, to) }

func (f *folder) remove(name string) error { return f.in.Remove(name) }

func (f *folder) rmdir(name string) error { return f.in.Remove(name) }

// list gives what is in the folder, sorted.
func (f *folder) list() ([]entry, error) {
	found, err := fs.ReadDir(f.in.FS(), ".")
	all := make([]entry, 0, len(found))
	for _, e := range found {
		all = append(all, entry{e.Name(), e.Type()})
	}
	return all, err
}

// lock tries to lock the folder, until it is closed.
func (f *folder) lock(alone bool) (bool, error) {
	// A folder cannot be opened for writing.
	f.mutex = flock.New(f.in.Name(), flock.SetFlag(os.O_RDONLY))
	if alone {
		return f.mutex.TryLock()
	}
	return f.mutex.TryRLock()
}

// sync makes the names in the folder last.
func (f *folder) sync() error { return f.syncFile(".") }

// syncFile makes a file's content last.
func (f *folder) syncFile(name string) error {
	file, err := f.in.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}

// wholeSync gives nothing: only Linux is known to have such a call.
func wholeSync(*folder) func() error { return nil }
