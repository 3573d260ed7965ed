// Package disk reads and writes a repo's clusters folder. A kill, a crash or a full disk
// at any point leaves each file old or new, and a lock.yaml that says which are kasou's
// (docs/adr/0010). It follows no symbolic link, and nothing in it leaves the folder.
package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
)

// The modes of what kasou writes. The umask takes from them what the person wants
// nobody else to have, as with git's own checkout.
const (
	fileMode = 0o666
	dirMode  = 0o777
)

// Disk is a repo's clusters folder, for one run. Any number of goroutines may use it.
type Disk struct {
	root, dir string
	mu        sync.Mutex
	// top is the clusters folder, nil until it is used.
	top     *top
	syncs   syncs
	buffers sync.Pool
	// listed is what is below folders, as it was when the folder was looked through.
	listed sync.Map
}

// top is the open clusters folder, as what is changed below and as what is read.
type top struct {
	root *os.Root
	file *os.File
}

// At returns the clusters folder dir, slash-separated, of the repo at root. It opens
// nothing yet: what is wrong there shows when it is used. The caller closes it.
func At(root, dir string) *Disk {
	return &Disk{root: root, dir: dir, syncs: syncs{slots: make(chan struct{}, atOnce)}}
}

// Dir returns the clusters folder, slash-separated, from the repo's root.
func (d *Disk) Dir() string { return d.dir }

// Close lets go of the folder. Nobody may be using it any more.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.top == nil {
		return nil
	}
	err := errors.Join(d.top.root.Close(), d.top.file.Close())
	d.top = nil
	return err
}

// clusters returns the clusters folder. It is opened once, before anything is written:
// the system tells an open file of what could not be written since then.
func (d *Disk) clusters() (*top, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.top != nil {
		return d.top, nil
	}
	root, err := os.OpenRoot(d.root)
	if err != nil {
		return nil, fmt.Errorf("open the repo's root: %w", err)
	}
	p := "."
	for _, name := range strings.Split(d.dir, "/") {
		p = path.Join(p, name)
		below, _, err := openFolder(root, p)
		_ = root.Close() // it was only looked into
		if err != nil {
			return nil, err
		}
		root = below
	}
	file, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(named(err, d.dir), root.Close())
	}
	d.top = &top{root, file}
	d.syncs.open(file)
	return d.top, nil
}

// inside returns p, a path from the repo's root, from the clusters folder. It is not ok
// where p is elsewhere.
func (d *Disk) inside(p string) (rel string, ok bool) {
	if p == d.dir {
		return ".", true
	}
	return strings.CutPrefix(p, d.dir+"/")
}

// openFolder opens the folder at p, whose parent is open.
func openFolder(parent *os.Root, p string) (*os.Root, fs.FileInfo, error) {
	return open(parent, p, fs.ModeDir, parent.OpenRoot, func(f *os.Root) (fs.FileInfo, error) { return f.Stat(".") })
}

// open opens what is at p, in a folder that is open. The error is an *Obstacle where that
// is not of the kind, fs.ModeDir or 0 for a regular file. os.Root follows links within:
// whoever swaps one in after the first look is found out by the second.
func open[T io.Closer](in *os.Root, p string, kind fs.FileMode, do func(string) (T, error), stat func(T) (fs.FileInfo, error)) (f T, info fs.FileInfo, err error) {
	before, err := in.Lstat(path.Base(p))
	if err == nil && before.Mode().Type() != kind {
		err = obstacleOf(p, before.Mode(), kind)
	}
	if err != nil {
		return f, nil, named(err, p)
	}
	if f, err = do(path.Base(p)); err != nil {
		return f, nil, named(err, p)
	}
	info, err = stat(f)
	if err == nil && !os.SameFile(before, info) {
		err = obstacleOf(p, kind, kind)
	}
	if err != nil {
		_ = f.Close() // nothing was done with it
	}
	return f, info, named(err, p)
}

// named returns the error of an operation in a folder with the path from the repo's root.
func named(err error, p string) error {
	if _, obstacle := errors.AsType[*Obstacle](err); err == nil || obstacle {
		return err
	}
	if bare, ok := errors.AsType[*fs.PathError](err); ok {
		err = bare.Err
	} else if link, ok := errors.AsType[*os.LinkError](err); ok {
		err = link.Err
	}
	return fmt.Errorf("%s: %w", p, err)
}

// Obstacle is something on disk that kasou will neither follow nor replace.
type Obstacle struct {
	// Path is where it stands, from the repo's root.
	Path string
	// Link is true for a symbolic link, and false for anything else of a wrong kind.
	Link bool
	// Message says what it is.
	Message string
}

// Error returns the path and what stands there.
func (o *Obstacle) Error() string { return o.Path + ": " + o.Message }

func obstacleOf(p string, mode, want fs.FileMode) error {
	switch kind := mode.Type(); {
	case kind == want:
		return &Obstacle{p, true, "replaced while kasou looked at it"}
	case kind&fs.ModeSymlink != 0:
		return &Obstacle{p, true, "a symbolic link, which kasou does not follow"}
	case want == fs.ModeDir:
		return &Obstacle{p, false, "not a folder, and kasou writes files below it"}
	case kind == fs.ModeDir:
		return &Obstacle{p, false, "a folder where kasou writes a file"}
	}
	return &Obstacle{p, false, "not a regular file"}
}
