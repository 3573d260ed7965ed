//go:build unix

package fleet

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"kasou/pipelines/layout"
)

// glances reads the spec.yaml of folders in which nothing is odd, with few system
// calls: os.Root asks the kernel three times as much, and there may be thousands
// of folders. Each name is a single one, below a folder that is open, and no link
// is followed, so that this cannot lead out of the repo either.
type glances struct{ folder *os.File }

// openGlances begins in the clusters folder; nil, which reads nothing, where that
// is not possible.
func openGlances(clusters *os.Root) *glances {
	folder, err := clusters.Open(".")
	if err != nil {
		return nil
	}
	return &glances{folder: folder}
}

func (g *glances) close() {
	if g != nil {
		_ = g.folder.Close() // it was only read
	}
}

// list gives the entries of the clusters folder, which is at path, sorted. Through
// os.Root, Go looks at each of them once more.
func list(clusters *os.Root, path string) ([]fs.DirEntry, error) {
	within, err := clusters.Open(".")
	if err != nil {
		return nil, err
	}
	defer within.Close()
	fd, err := openFolder(int(within.Fd()), ".")
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	folder := os.NewFile(uintptr(fd), path)
	defer folder.Close()
	entries, err := folder.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, err
}

func openFolder(in int, name string) (int, error) {
	return unix.Openat(in, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
}

// spec gives the text of the spec.yaml in the folder of that name. It is not ok
// where anything at all is not as it should be, a second file that looks like a
// spec among it: then the loader has to look closer.
func (g *glances) spec(name string) (data []byte, ok bool) {
	if g == nil {
		return nil, false
	}
	fd, err := openFolder(int(g.folder.Fd()), name)
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	names, err := namesIn(fd)
	if err != nil || !plainFolder(names) {
		return nil, false
	}
	return glanceAt(fd, layout.Spec)
}

// namesIn lists a folder.
func namesIn(fd int) (names []string, err error) {
	buffer := listings.Get().(*[8192]byte)
	defer listings.Put(buffer)
	for {
		n, err := unix.ReadDirent(fd, buffer[:])
		if err != nil || n <= 0 {
			return names, err
		}
		_, _, names = unix.ParseDirent(buffer[:n], -1, names)
	}
}

var listings = sync.Pool{New: func() any { return new([8192]byte) }}

// glanceAt reads a plain file whole. Like the loader, it looks before it opens.
func glanceAt(folder int, name string) ([]byte, bool) {
	var info unix.Stat_t
	if unix.Fstatat(folder, name, &info, unix.AT_SYMLINK_NOFOLLOW) != nil || info.Mode&unix.S_IFMT != unix.S_IFREG || info.Size > MaxFileSize {
		return nil, false
	}
	fd, err := unix.Openat(folder, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	defer unix.Close(fd)
	data := make([]byte, info.Size+1) // one more, to see that it has not grown
	n, err := unix.Read(fd, data)
	return data[:max(n, 0)], err == nil && int64(n) == info.Size
}

// plainFolder says that a folder has a spec.yaml, and nothing that looks like one.
func plainFolder(names []string) bool {
	found := false
	for _, name := range names {
		switch {
		case name == layout.Spec:
			found = true
		case looksLike(name, layout.Spec):
			return false
		}
	}
	return found
}
