// The tag portable builds what other systems get, so that it can be tested here.

//go:build !portable

package tree

import (
	"errors"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// folder is an open folder, reached by real folders only. A name is looked up in
// that very folder, wherever it is moved, and is never followed where it is a
// link. (os.Root does the same with several calls of the system for each.)
type folder struct{ fd int }

func openTop(path string) (*folder, error) {
	f, err := openFolder(unix.AT_FDCWD, path, 0)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

// sub opens the folder of the name. The error is a kindError where that is
// anything else.
func (f *folder) sub(name string) (*folder, error) {
	folder, err := openFolder(f.fd, name, unix.O_NOFOLLOW)
	if err != nil {
		return nil, f.blame(name, err, fs.ModeDir)
	}
	return folder, nil
}

func openFolder(at int, name string, flags int) (*folder, error) {
	fd, err := again(func() (int, error) {
		return unix.Openat(at, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC|flags, 0)
	})
	if err != nil {
		return nil, err
	}
	return &folder{fd}, nil
}

func (f *folder) close() error { return unix.Close(f.fd) }

// device gives the file system that the folder is on.
func (f *folder) device() (uint64, error) {
	var is unix.Stat_t
	err := unix.Fstat(f.fd, &is)
	return is.Dev, err
}

// blame gives a kindError where the name could not be opened because it is not
// of the wanted kind.
func (f *folder) blame(name string, err error, want fs.FileMode) error {
	if errors.Is(err, unix.ENOENT) {
		return err
	}
	if kind, look := f.kind(name); look == nil && kind != want || errors.Is(err, unix.ELOOP) {
		return kindError(kind)
	}
	return err
}

// kind gives what the name is, of a link the link itself.
func (f *folder) kind(name string) (fs.FileMode, error) {
	var is unix.Stat_t
	err := retry(func() error { return unix.Fstatat(f.fd, name, &is, unix.AT_SYMLINK_NOFOLLOW) })
	if err != nil {
		return 0, err
	}
	return kindOf(is.Mode), nil
}

func kindOf(mode uint32) fs.FileMode {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return 0
	case unix.S_IFDIR:
		return fs.ModeDir
	case unix.S_IFLNK:
		return fs.ModeSymlink
	}
	return fs.ModeIrregular
}

// read appends the content of a regular file. A pipe is opened without waiting
// for somebody to write into it, and is a kindError like all else.
func (f *folder) read(name string, into []byte) ([]byte, error) {
	fd, err := again(func() (int, error) { return unix.Openat(f.fd, name, toRead, 0) })
	if err != nil {
		return nil, f.blame(name, err, 0)
	}
	return readOpen(fd, into)
}

const toRead = unix.O_RDONLY | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC

// readBelow is read for a path into folders below. The system sees to it that no
// part of it is a link (openat2(2), Linux 5.6); it fails where it cannot.
func (f *folder) readBelow(path string, into []byte) ([]byte, error) {
	how := &unix.OpenHow{Flags: toRead, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	fd, err := again(func() (int, error) { return unix.Openat2(f.fd, path, how) })
	if err != nil {
		return nil, err
	}
	return readOpen(fd, into)
}

// readOpen reads a file, and closes it.
func readOpen(fd int, into []byte) ([]byte, error) {
	defer unix.Close(fd)
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return nil, err
	}
	if kind := kindOf(is.Mode); kind != 0 {
		return nil, kindError(kind)
	}
	return readAll(fd, int(is.Size), into)
}

// readAll asks for one byte more than there should be: where it does not come,
// that was the end.
func readAll(fd, size int, into []byte) ([]byte, error) {
	into = slices.Grow(into, size+1)
	for whole := len(into) + size; ; {
		n, err := again(func() (int, error) { return unix.Read(fd, into[len(into):cap(into)]) })
		if err != nil {
			return nil, err
		}
		into = into[:len(into)+n]
		if n == 0 || len(into) == whole && len(into) < cap(into) {
			return into, nil
		}
		into = slices.Grow(into, 1)
	}
}

// lock tries to lock the folder, until it is closed.
func (f *folder) lock(alone bool) (bool, error) {
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	err := retry(func() error { return unix.Flock(f.fd, how|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// sync makes the names in the folder last.
func (f *folder) sync() error { return retry(func() error { return unix.Fsync(f.fd) }) }

// syncFile makes a file's content last.
func (f *folder) syncFile(name string) error {
	fd, err := again(func() (int, error) {
		return unix.Openat(f.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return retry(func() error { return unix.Fsync(fd) })
}

// again calls once more what a signal has broken off: Go sends itself many.
func again(do func() (int, error)) (int, error) {
	for {
		if n, err := do(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

func retry(do func() error) error {
	_, err := again(func() (int, error) { return 0, do() })
	return err
}
