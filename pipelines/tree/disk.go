package tree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"kasou/pipelines/finding"
)

// disk is the repo, reached through os.Root: nothing it does can leave it. On
// top of that it follows no symbolic link within.
type disk struct {
	root *os.Root
}

func openDisk(root string) (*disk, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open the repo's root: %w", err)
	}
	return &disk{root: r}, nil
}

func (d *disk) Close() error { return d.root.Close() }

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
	f, err := d.root.Open(p)
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
	for _, dir := range parents(p) {
		if err := d.folder(dir); err != nil {
			return nil, err
		}
	}
	info, err := d.root.Lstat(p)
	if err != nil {
		return nil, err
	}
	return info, obstacleOf(p, info.Mode(), 0)
}

// folder fails unless p is a real folder; its parents are taken for granted.
func (d *disk) folder(p string) error {
	info, err := d.root.Lstat(p)
	if err != nil {
		return err
	}
	return obstacleOf(p, info.Mode(), fs.ModeDir)
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
	for _, dir := range append(parents(p), p) {
		if err := d.folder(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	}
	return fs.ReadDir(d.root.FS(), p)
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
