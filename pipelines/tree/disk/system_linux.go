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

	"kasou/pipelines/nofollow"
)

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
	_, err := nofollow.Again(func() (int, error) { return 0, unix.Flock(int(f.Fd()), how|unix.LOCK_NB) })
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
		_, err := nofollow.Again(func() (int, error) { return 0, unix.Syncfs(int(f.Fd())) })
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
	if _, err := nofollow.Again(func() (int, error) { return 0, unix.Fstatfs(int(f.Fd()), &is) }); err != nil {
		return false
	}
	switch uint32(is.Type) { // its type is another on each processor
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return true
	}
	return false
}
