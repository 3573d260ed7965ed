// The tag portable builds what other systems get, so that it can be tested here.

//go:build !portable

package tree

import (
	"encoding/binary"
	"io/fs"
	"slices"
	"strings"

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
	if err == unix.ENOENT {
		return err
	}
	if kind, look := f.kind(name); look == nil && kind != want || err == unix.ELOOP {
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
	fd, err := again(func() (int, error) {
		return unix.Openat(f.fd, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, f.blame(name, err, 0)
	}
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
	if closed := unix.Close(n.fd); err == nil && closed != unix.EINTR { // Linux has closed it then
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

// list gives what is in the folder, sorted.
func (f *folder) list() ([]entry, error) {
	if _, err := unix.Seek(f.fd, 0, 0); err != nil {
		return nil, err
	}
	var all []entry
	for buffer := make([]byte, 4<<10); ; {
		n, err := again(func() (int, error) { return unix.Getdents(f.fd, buffer) })
		if err != nil {
			return nil, err
		}
		if n == 0 {
			break
		}
		if all, err = f.entries(all, buffer[:n]); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// entries reads what getdents64(2) gave: of each entry the length as a uint16
// in the bytes 16 and 17, the type in 18, and from 19 the name, which a zero
// ends. (unix.ParseDirent drops the type.)
func (f *folder) entries(all []entry, data []byte) ([]entry, error) {
	for len(data) > 0 {
		length := binary.NativeEndian.Uint16(data[16:])
		name, _, _ := strings.Cut(string(data[19:length]), "\x00")
		kind, known := kinds[data[18]]
		data = data[length:]
		if name == "." || name == ".." {
			continue
		}
		if !known { // some file systems do not tell
			var err error
			if kind, err = f.kind(name); err == unix.ENOENT {
				continue
			} else if err != nil {
				return nil, err
			}
		}
		all = append(all, entry{name, kind})
	}
	return all, nil
}

var kinds = map[byte]fs.FileMode{
	unix.DT_REG: 0, unix.DT_DIR: fs.ModeDir, unix.DT_LNK: fs.ModeSymlink, unix.DT_FIFO: fs.ModeIrregular,
	unix.DT_SOCK: fs.ModeIrregular, unix.DT_CHR: fs.ModeIrregular, unix.DT_BLK: fs.ModeIrregular,
}

// lock tries to lock the folder, until it is closed.
func (f *folder) lock(alone bool) (bool, error) {
	how := unix.LOCK_SH
	if alone {
		how = unix.LOCK_EX
	}
	err := retry(func() error { return unix.Flock(f.fd, how|unix.LOCK_NB) })
	if err == unix.EWOULDBLOCK {
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
		if n, err := do(); err != unix.EINTR {
			return n, err
		}
	}
}

func retry(do func() error) error {
	_, err := again(func() (int, error) { return 0, do() })
	return err
}
