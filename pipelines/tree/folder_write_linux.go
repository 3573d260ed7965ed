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

// finish writes the content and closes the file.
func (n newFile) finish(data []byte) error {
	err := n.write(data)
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

// mkdir makes a folder, and opens it.
func (f *folder) mkdir(name string) (*folder, error) {
	if err := retry(func() error { return unix.Mkdirat(f.fd, name, dirMode) }); err != nil {
		return nil, err
	}
	return f.sub(name)
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
