//go:build unix

package fleet

import (
	"os"

	"golang.org/x/sys/unix"
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

// spec gives the text of the spec.yaml in the folder of that name. It is not ok
// where anything at all is not as it should be, a second file that looks like a
// spec among it: then the loader has to look closer.
func (g *glances) spec(name string) (data []byte, ok bool) {
	if g == nil {
		return nil, false
	}
	fd, err := unix.Openat(int(g.folder.Fd()), name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, false
	}
	folder := os.NewFile(uintptr(fd), name)
	defer folder.Close()
	names, err := folder.Readdirnames(-1)
	if err != nil || !plainFolder(names) {
		return nil, false
	}
	return glanceAt(fd, SpecFileName)
}

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
		case name == SpecFileName:
			found = true
		case looksLike(name, SpecFileName):
			return false
		}
	}
	return found
}
