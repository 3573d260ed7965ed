package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sync"

	"kasou/pipelines/finding"
)

// disk is the repo, reached through os.Root: nothing it does can leave it. On
// top of that it follows no symbolic link within. Each folder is looked at and
// opened once: for the thousands of files of a fleet, walking to each from the
// repo's root would be most of the work.
type disk struct {
	mu sync.Mutex
	// folders are those that are open, by their path; "." is the repo's root.
	folders map[string]*os.Root
}

func openDisk(root string) (*disk, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open the repo's root: %w", err)
	}
	return &disk{folders: map[string]*os.Root{".": r}}, nil
}

func (d *disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []error
	for _, folder := range d.folders {
		all = append(all, folder.Close())
	}
	return errors.Join(all...)
}

// at gives the folder p. The error is fs.ErrNotExist where it is not there, and
// an *obstacle where it, or one above it, is no real folder.
func (d *disk) at(p string) (*os.Root, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reach(p)
}

func (d *disk) reach(p string) (*os.Root, error) {
	if folder, ok := d.folders[p]; ok {
		return folder, nil
	}
	parent, err := d.reach(path.Dir(p))
	if err != nil {
		return nil, err
	}
	info, err := parent.Lstat(path.Base(p))
	if err != nil {
		return nil, named(err, p)
	}
	if err := obstacleOf(p, info.Mode(), fs.ModeDir); err != nil {
		return nil, err
	}
	folder, err := parent.OpenRoot(path.Base(p))
	if err != nil {
		return nil, named(err, p)
	}
	d.folders[p] = folder
	return folder, nil
}

// named gives the error of an operation in a folder the path from the top.
func named(err error, p string) error {
	var bare *fs.PathError
	if errors.As(err, &bare) {
		return &fs.PathError{Op: bare.Op, Path: p, Err: bare.Err}
	}
	return err
}

// in calls do with the folder that p stands in, and p's name there.
func (d *disk) in(p string, do func(folder *os.Root, name string) error) error {
	folder, err := d.at(path.Dir(p))
	if err != nil {
		return err
	}
	return named(do(folder, path.Base(p)), p)
}

func (d *disk) lstat(p string) (info fs.FileInfo, err error) {
	return info, d.in(p, func(folder *os.Root, name string) (err error) {
		info, err = folder.Lstat(name)
		return err
	})
}

func (d *disk) open(p string, flag int, mode fs.FileMode) (f *os.File, err error) {
	return f, d.in(p, func(folder *os.Root, name string) (err error) {
		f, err = folder.OpenFile(name, flag, mode)
		return err
	})
}

// mkdir makes one folder, whatever the umask.
func (d *disk) mkdir(p string) error {
	return d.in(p, func(folder *os.Root, name string) error {
		if err := folder.Mkdir(name, dirMode); err != nil {
			return err
		}
		return folder.Chmod(name, dirMode)
	})
}

// rename moves a file within its folder.
func (d *disk) rename(from, to string) error {
	return d.in(from, func(folder *os.Root, name string) error { return folder.Rename(name, path.Base(to)) })
}

// remove deletes a file, or an empty folder.
func (d *disk) remove(p string) error {
	err := d.in(p, func(folder *os.Root, name string) error { return folder.Remove(name) })
	if err == nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		if folder, ok := d.folders[p]; ok {
			delete(d.folders, p)
			_ = folder.Close() // it is gone
		}
	}
	return err
}

// obstacle is something on disk that kasou will neither follow nor replace.
type obstacle struct {
	path    string
	rule    finding.Rule
	message string
}

func (o *obstacle) Error() string { return o.path + ": " + o.message }

func (o *obstacle) finding(cluster string) finding.Finding {
	return finding.Finding{
		File: o.path, Cluster: cluster, Rule: o.rule, Severity: finding.Error,
		Message: o.message, Hint: "Move it away; kasou does not touch what it did not write.",
	}
}

// read gives the content of the regular file at p, never nil. The error is
// fs.ErrNotExist for no file, and an *obstacle for anything but a regular file
// reached through real folders.
func (d *disk) read(p string) ([]byte, error) {
	info, err := d.regular(p)
	if err != nil {
		return nil, err
	}
	f, err := d.open(p, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	// Whoever swapped in a link after the look above is found out here.
	if opened, err := f.Stat(); err != nil {
		return nil, err
	} else if !os.SameFile(info, opened) {
		return nil, &obstacle{p, RuleSymlink, "replaced while kasou read it"}
	}
	data, err := io.ReadAll(f)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	return data, nil
}

// readMaybe is read with nil for no file.
func (d *disk) readMaybe(p string) ([]byte, error) {
	data, err := d.read(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

func (d *disk) regular(p string) (fs.FileInfo, error) {
	info, err := d.lstat(p)
	if err != nil {
		return nil, err
	}
	return info, obstacleOf(p, info.Mode(), 0)
}

func obstacleOf(p string, mode, want fs.FileMode) error {
	switch kind := mode.Type(); {
	case kind == want:
		return nil
	case kind&fs.ModeSymlink != 0:
		return &obstacle{p, RuleSymlink, "a symbolic link, which kasou does not follow"}
	case want == fs.ModeDir:
		return &obstacle{p, RuleNotAFile, "not a folder, and kasou writes files below it"}
	case kind == fs.ModeDir:
		return &obstacle{p, RuleNotAFile, "a folder where kasou writes a file"}
	}
	return &obstacle{p, RuleNotAFile, "not a regular file"}
}

// list gives the entries of the folder p, none where it is not there.
func (d *disk) list(p string) ([]fs.DirEntry, error) {
	folder, err := d.at(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return fs.ReadDir(folder.FS(), ".")
}

// walk calls visit for each file below the folder p that is no folder itself.
func (d *disk) walk(p string, visit func(p string, entry fs.DirEntry) error) error {
	entries, err := d.list(p)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		at := path.Join(p, entry.Name())
		if entry.IsDir() {
			err = d.walk(at, visit)
		} else {
			err = visit(at, entry)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
