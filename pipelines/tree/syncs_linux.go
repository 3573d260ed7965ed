//go:build !portable

package tree

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// wholeSync gives a call that makes last all that was written into the folder's
// file system, and fails where anything could not be written since the folder
// was opened; nil where there is no such call.
func wholeSync(f *folder) func() error {
	if !tellsOfErrors() || !synced(f) {
		return nil
	}
	return func() error {
		// ext4 without a journal writes the last of its metadata after it has
		// told the disk to empty its cache; syncing a file tells it once more.
		err := errors.Join(retry(func() error { return unix.Syncfs(f.fd) }), f.sync())
		if err != nil {
			return fmt.Errorf("sync the file system: %w", err)
		}
		return nil
	}
}

// tellsOfErrors says whether syncfs(2) reports files that could not be written:
// since Linux 5.8, to each descriptor what happened since it was opened.
func tellsOfErrors() bool {
	var system unix.Utsname
	if err := unix.Uname(&system); err != nil {
		return false
	}
	var major, minor int
	_, err := fmt.Sscanf(unix.ByteSliceToString(system.Release[:]), "%d.%d", &major, &minor)
	return err == nil && (major > 5 || major == 5 && minor >= 8)
}

// synced says whether the file system is one of those of which it is known that
// syncfs(2) leaves nothing out and hears of every error. An overlay does not
// hear of those below it, and FUSE does not ask its server.
func synced(f *folder) bool {
	var is unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(f.fd, &is) }); err != nil {
		return false
	}
	switch uint32(is.Type) { // its type is another on each processor
	case unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC, unix.TMPFS_MAGIC:
		return true
	}
	return false
}
