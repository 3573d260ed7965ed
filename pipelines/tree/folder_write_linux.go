//go:build !portable

package tree

import (
	"errors"

	"golang.org/x/sys/unix"
)

// newFile is a file that is being written.
type newFile struct{ fd int }

// create makes a file that was not there.
func (f *folder) create(name string) (newFile, error) {
	fd, err := again(func() (int, error) {
		return unix.Openat(f.fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, fileMode)
	})
	return newFile{fd}, err
}

// finish writes the content, sets the mode and closes the file.
func (n newFile) finish(data []byte) error {
	err := n.write(data)
	if err == nil {
		err = setMode(n.fd, fileMode)
	}
	if closed := unix.Close(n.fd); err == nil && !errors.Is(closed, unix.EINTR) { // Linux has closed it then
		err = closed
	}
	return err
}

func (n newFile) write(data []byte) error {
	for len(data) > 0 {
		done, err := again(func() (int, error) { return unix.Write(n.fd, data) })
		if err != nil {
			return err
		}
		data = data[done:]
	}
	return nil
}

// setMode sets the mode where the umask, or the folder's own rules, gave
// another: setting it writes to disk, looking does not.
func setMode(fd int, mode uint32) error {
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil || is.Mode&^unix.S_IFMT == mode {
		return err
	}
	return unix.Fchmod(fd, mode)
}

// mkdir makes a folder, whatever the umask, and opens it.
func (f *folder) mkdir(name string) (*folder, error) {
	if err := retry(func() error { return unix.Mkdirat(f.fd, name, dirMode) }); err != nil {
		return nil, err
	}
	made, err := f.sub(name)
	if err != nil {
		return nil, err
	}
	if err := setMode(made.fd, dirMode); err != nil {
		_ = made.close()
		return nil, err
	}
	return made, nil
}

func (f *folder) rename(from, to string) error {
	return retry(func() error { return unix.Renameat(f.fd, from, f.fd, to) })
}

func (f *folder) remove(name string) error {
	return retry(func() error { return unix.Unlinkat(f.fd, name, 0) })
}

func (f *folder) rmdir(name string) error {
	return retry(func() error { return unix.Unlinkat(f.fd, name, unix.AT_REMOVEDIR) })
}
