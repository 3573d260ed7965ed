package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"sync"

	"kasou/pipelines/finding"
)

// Disk is a repo's clusters folder, for one run: what all clusters share is
// opened once. Nothing that it does can leave the repo, and it follows no
// symbolic link within. Any number of goroutines may use it.
type Disk struct {
	root, dir string
	mu        sync.Mutex
	// kept are the folders that all clusters share, by their path from the
	// root: "." and those down to the clusters folder.
	kept    map[string]*folder
	syncs   syncs
	buffers sync.Pool
}

// At gives the clusters folder dir, slash-separated, of the repo at root. It
// looks at nothing yet: what is wrong there shows when it is used. The caller
// closes it.
func At(root, dir string) *Disk {
	return &Disk{root: root, dir: dir, kept: map[string]*folder{}, syncs: syncs{slots: make(chan struct{}, atOnce)}}
}

// Close lets go of the repo. Nobody may be using it any more.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []error
	for p, f := range d.kept {
		delete(d.kept, p)
		all = append(all, f.close())
	}
	return errors.Join(all...)
}

// shared says whether p is a folder that all clusters share.
func (d *Disk) shared(p string) bool {
	return p == "." || p == d.dir || strings.HasPrefix(d.dir, p) && d.dir[len(p)] == '/'
}

// keep gives the shared folder p.
func (d *Disk) keep(p string) (*folder, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.reach(p)
}

func (d *Disk) reach(p string) (f *folder, err error) {
	if f, ok := d.kept[p]; ok {
		return f, nil
	}
	if p == "." {
		if f, err = openTop(d.root); err != nil {
			return nil, fmt.Errorf("open the repo's root: %w", err)
		}
	} else {
		parent, err := d.reach(path.Dir(p))
		if err != nil {
			return nil, err
		}
		if f, err = parent.sub(path.Base(p)); err != nil {
			return nil, named(err, p, fs.ModeDir)
		}
	}
	d.kept[p] = f
	if p == d.dir {
		d.syncs.open(f)
	}
	return f, nil
}

// make makes the shared folder p, in one that is there.
func (d *Disk) make(p string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	parent, err := d.reach(path.Dir(p))
	if err != nil {
		return err
	}
	f, err := parent.mkdir(path.Base(p))
	if err != nil {
		return err
	}
	_ = f.close()
	_, err = d.reach(p)
	return err
}

// kindError is what stands where a file, or a folder, was to be opened.
type kindError fs.FileMode

func (e kindError) Error() string { return "not what kasou wrote: " + fs.FileMode(e).Type().String() }

// named gives the error of an operation in a folder the path from the top, and
// makes an *obstacle of a thing that is not of the kind that is wanted: 0 for a
// regular file, fs.ModeDir for a folder.
func named(err error, p string, want fs.FileMode) error {
	var kind kindError
	var bare *fs.PathError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &kind):
		return obstacleOf(p, fs.FileMode(kind), want)
	case errors.As(err, &bare):
		return &fs.PathError{Op: bare.Op, Path: p, Err: bare.Err}
	}
	return fmt.Errorf("%s: %w", p, err)
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

func obstacleOf(p string, mode, want fs.FileMode) error {
	switch kind := mode.Type(); {
	case kind == want:
		return &obstacle{p, RuleSymlink, "replaced while kasou looked at it"}
	case kind&fs.ModeSymlink != 0:
		return &obstacle{p, RuleSymlink, "a symbolic link, which kasou does not follow"}
	case want == fs.ModeDir:
		return &obstacle{p, RuleNotAFile, "not a folder, and kasou writes files below it"}
	case kind == fs.ModeDir:
		return &obstacle{p, RuleNotAFile, "a folder where kasou writes a file"}
	}
	return &obstacle{p, RuleNotAFile, "not a regular file"}
}
