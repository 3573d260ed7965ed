// The tag portable builds what other systems get, so that it can be tested here.

//go:build !portable

package nofollow

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Read appends the content of the regular file at p, slash-separated, in the folder, and
// returns it. The system sees to it that no part of p is a link (openat2(2), Linux 5.6),
// in one call where os.Root takes five and more. A pipe is opened without waiting for
// somebody to write into it. The error is fs.ErrNotExist where there is nothing, and says
// little else: it may be that the file has more than limit bytes, too.
func Read(folder *os.File, p string, limit int64, into []byte) ([]byte, error) {
	fd, err := open(folder, p, unix.O_NONBLOCK)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	var is unix.Stat_t
	if err := unix.Fstat(fd, &is); err != nil {
		return nil, err
	}
	if is.Mode&unix.S_IFMT != unix.S_IFREG || is.Size > limit {
		return nil, errors.ErrUnsupported
	}
	return ReadAll(reader(fd), int(is.Size), into)
}

// Folder opens the folder at p in the folder, as Read does.
func Folder(folder *os.File, p string) (*os.File, error) {
	fd, err := open(folder, p, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), folder.Name()+"/"+p), nil
}

func open(folder *os.File, p string, flags uint64) (int, error) {
	how := &unix.OpenHow{Flags: unix.O_RDONLY | unix.O_CLOEXEC | flags, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	return Again(func() (int, error) { return unix.Openat2(int(folder.Fd()), p, how) })
}

// reader reads a file by its descriptor: an os.File asks the system twice more.
type reader int

func (r reader) Read(into []byte) (int, error) {
	n, err := Again(func() (int, error) { return unix.Read(int(r), into) })
	if n == 0 && err == nil {
		err = io.EOF
	}
	return max(n, 0), err
}

// Again returns what do returns, and calls it once more where a signal has broken it off:
// Go sends itself many.
func Again(do func() (int, error)) (int, error) {
	for {
		if n, err := do(); !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
