// The tag portable builds what other systems get, so that it can be tested here.

//go:build !portable

package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// readBelow appends the content of the regular file at p in the folder. The system sees
// to it that no part of p is a link (openat2(2), Linux 5.6), in one call where os.Root
// takes five and more. Where it fails, and the file is there, os.Root says why. A pipe is
// opened without waiting for somebody to write into it.
func readBelow(folder *os.File, p string, into []byte) ([]byte, error) {
	fd, err := openat2(folder, p, unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return nil, err
	}
	if is.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, errors.ErrUnsupported
	}
	return readAll(reader(fd), int(is.Size), into)
}

// openBelow opens the folder p in the folder, as readBelow does.
func openBelow(folder *os.File, p string) (*os.File, error) {
	fd, err := openat2(folder, p, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), folder.Name()+"/"+p), nil
}

func openat2(folder *os.File, p string, flags uint64) (int, error) {
	how := &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	return again(func() (int, error) { return unix.Openat2(int(folder.Fd()), p, how) })
}

// reader reads a file by its descriptor: an os.File asks the system twice more.
type reader int

func (r reader) Read(into []byte) (int, error) {
	n, err := again(func() (int, error) { return unix.Read(int(r), into) })
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

// device returns the file system that a file is on.
func device(info fs.FileInfo) uint64 {
	is, _ := info.Sys().(*syscall.Stat_t)
	return is.Dev
}

// lock tries to lock the folder until what it returns is closed: nil where another
// process has the lock. It closes f where it does not return it.
func lock(f *os.File, alone bool) (io.Closer, error) {
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	_, err := again(func() (int, error) { return 0, unix.Flock(int(f.Fd()), how|unix.LOCK_NB) })
	if err == nil {
		return f, nil
	}
	_ = f.Close() // nothing was done with it
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = nil
	}
	return nil, err
}

// wholeSync returns a call that makes last all that was written into the folder's file
// system, and fails where anything could not be written since the folder was opened; nil
// where there is no such call.
func wholeSync(f *os.File) func() error {
	if !tellsOfErrors() || !leavesNothingOut(f) {
		return nil
	}
	return func() error {
		_, err := again(func() (int, error) { return 0, unix.Syncfs(int(f.Fd())) })
		// ext4 without a journal writes the last of its metadata after it has
		// told the disk to empty its cache; syncing a file tells it once more.
		if err = errors.Join(err, f.Sync()); err != nil {
			return fmt.Errorf("sync the file system: %w", err)
		}
		return nil
	}
}

// tellsOfErrors reports whether syncfs(2) tells of files that could not be written:
// since Linux 5.8, each descriptor of what happened since it was opened.
func tellsOfErrors() bool {
	var system unix.Utsname
	if err := unix.Uname(&system); err != nil {
		return false
	}
	var major, minor int
	_, err := fmt.Sscanf(unix.ByteSliceToString(system.Release[:]), "%d.%d", &major, &minor)
	return err == nil && (major > 5 || major == 5 && minor >= 8)
}

// leavesNothingOut reports whether the file system is one of those of which it is known
// that syncfs(2) leaves nothing out and hears of every error. An overlay does not hear of
// those below it, and FUSE does not ask its server.
func leavesNothingOut(f *os.File) bool {
	var is unix.Statfs_t
	if _, err := again(func() (int, error) { return 0, unix.Fstatfs(int(f.Fd()), &is) }); err != nil {
		return false
	}
	switch uint32(is.Type) { // its type is another on each processor
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return true
	}
	return false
}

// again calls once more what a signal has broken off: Go sends itself many.
func again(do func() (int, error)) (int, error) {
	for {
		if n, err := do(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
