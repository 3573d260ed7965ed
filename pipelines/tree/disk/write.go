package disk

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"
)

// ErrChanged is the error of WriteAll where the disk is no longer as it was when the
// plan was made.
var ErrChanged = errors.New("changed while kasou worked: run it again")

// step is called before every move on disk. Tests end the process in it.
var step = func(string) {}

// Plan is what is to be written for one cluster, or for what is one for all.
type Plan struct {
	// Cluster is the name; empty for what is one for all.
	Cluster string
	// Changes are the files that are to be otherwise, the lock among them.
	Changes []Change
	// Lock is the cluster's lock.yaml, without a path where no lock says what is kasou's.
	Lock Lock
}

// Change is one file: what stands on disk, and what is wanted. Nil means no file.
type Change struct {
	// Path is relative to the repo's root.
	Path     string
	Old, New []byte
}

// Lock is a lock.yaml.
type Lock struct {
	// Path is relative to the repo's root.
	Path string
	// Old stands on disk, and New is wanted at the end. Intent stands while files are
	// replaced: it claims the old files and the new.
	Old, Intent, New []byte
}

// Same reports whether two contents are the same, where nil is not a file.
func Same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// WriteAll makes the disk as the plans of several clusters want it, and returns an
// error, or nil, for each. All contents are first written beside their targets and
// synced; a full disk or a missing permission shows there, with the old files
// untouched. Then a lock that claims the old files and the new takes the place of
// lock.yaml, the files follow by rename, what is not wanted goes, and the final lock
// comes last. A process that dies on the way leaves each file old or new, and that
// lock, by which the next run knows. The clusters take each of these four steps
// together and share its sync; one that fails leaves the others alone. Two processes
// at work on one cluster take turns: what another process holds is written last. ctx
// is heeded until the first rename. It fails with ErrChanged when someone was faster.
func (d *Disk) WriteAll(ctx context.Context, plans []Plan) []error {
	d.syncs.written.Add(int32(len(plans)))
	writers := make([]*writer, len(plans))
	for i, p := range plans {
		writers[i] = &writer{view: d.View(), plan: p, waits: len(plans) == 1}
		if p.Cluster != "" {
			writers[i].folder = path.Join(d.dir, p.Cluster)
		}
	}
	d.together(writers, func(w *writer) error { return w.begin(ctx) })
	for _, w := range writers {
		if err := ctx.Err(); err != nil && !w.done && w.err == nil {
			w.fail(err)
		}
	}
	// From here on a writer only renames, removes and syncs: the intent lock lasts before
	// a file changes, and all files do before the final lock comes.
	for phase := range phases {
		d.together(writers, func(w *writer) error { return w.place(w.moves[phase]) })
	}
	errs := make([]error, len(plans))
	for i, w := range writers {
		errs[i] = w.err
		w.view.Close()
	}
	for i, w := range writers { // whoever holds them may have waited for those above
		if w.busy {
			errs[i] = d.WriteAll(ctx, plans[i:i+1])[0]
		}
	}
	return errs
}

// writersAtOnce is how many clusters of a batch are written at once: each has folders
// open, and keeps a thread busy.
const writersAtOnce = 16

// together takes one step for each writer that has not failed, and makes what they
// did last before it returns.
func (d *Disk) together(writers []*writer, do func(*writer) error) {
	var all errgroup.Group
	all.SetLimit(writersAtOnce)
	for _, w := range writers {
		if w.done || w.err != nil {
			continue
		}
		all.Go(func() error {
			w.shares, w.dirs, w.unsynced = false, map[string]bool{}, nil
			err := do(w)
			if err == nil {
				err = w.sync()
			}
			if err != nil {
				w.fail(err)
			}
			return nil
		})
	}
	_ = all.Wait() // each writer has its own error
	shares := func(w *writer) bool { return w.shares && w.err == nil }
	if !slices.ContainsFunc(writers, shares) {
		return
	}
	if err := d.syncs.whole(); err != nil {
		for _, w := range writers {
			if shares(w) {
				w.fail(err)
			}
		}
	}
}

// The phases in which what is staged takes its place.
const (
	intentPhase = iota
	filesPhase
	finalPhase
	phases
)

// move is a content that is staged under a temporary name, or, where that is empty, a
// file to be removed.
type move struct{ temp, target string }

// writer writes one cluster.
type writer struct {
	view *View
	plan Plan
	// folder is the cluster's own; empty for what is one for all.
	folder string
	// todo are the changes that are not on disk yet.
	todo []Change
	// moves put it there.
	moves [phases][]move
	// made are the folders that it created, outermost first.
	made []string
	// dirs are the folders whose names this step changed, and unsynced the files that
	// it wrote. shares means that the sync of the file system makes both last.
	dirs     map[string]bool
	unsynced []move
	shares   bool
	// waits lets it wait for another process that is at work on the cluster; busy means
	// that there is one, and nothing was done.
	waits, busy bool
	// done means that nothing is left to do, err that something failed.
	done bool
	err  error
}

// fail takes back what is not in place. What it cannot remove, the next run sweeps.
func (w *writer) fail(err error) {
	w.err = err
	w.discard()
}

func (w *writer) discard() {
	for _, m := range slices.Concat(w.moves[:]...) {
		if m.temp != "" {
			_ = w.view.remove(m.temp)
		}
	}
	for _, dir := range slices.Backward(w.made) {
		_ = w.view.remove(dir)
	}
}

// begin stages all contents.
func (w *writer) begin(ctx context.Context) error {
	if err := w.lock(ctx); err != nil || w.busy {
		return err
	}
	if err := w.outstanding(); err != nil {
		return err
	}
	if err := w.sweep(); err != nil {
		return err
	}
	if len(w.todo) == 0 {
		w.done = true
		w.discard() // the folder that was made to be locked
		clear(w.dirs)
		return nil
	}
	return w.stageAll(ctx)
}

// lock keeps other processes off the cluster.
func (w *writer) lock(ctx context.Context) (err error) {
	folder := w.view.disk.dir
	if w.plan.Lock.Path != "" {
		folder = w.folder
	}
	if err := w.mkdir(folder); err != nil {
		return err
	}
	if w.waits {
		err = w.view.Lock(ctx, folder, true)
	} else {
		var ok bool
		ok, err = w.view.tryLock(folder, true)
		w.busy, w.done = !ok && err == nil, !ok
	}
	w.view.release() // who had the lock before may have removed the folder
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s: %w", folder, ErrChanged)
	}
	return err
}

// outstanding looks at the disk again, now that nobody else writes.
func (w *writer) outstanding() error {
	for _, c := range w.plan.Changes {
		now, err := w.view.Read(c.Path)
		if err != nil {
			return err
		}
		done := Same(now, c.New)
		if !done && !Same(now, c.Old) {
			return fmt.Errorf("%s: %w", c.Path, ErrChanged)
		}
		if !done {
			w.todo = append(w.todo, c)
		}
	}
	lock := w.plan.Lock
	if lock.Path == "" || slices.ContainsFunc(w.plan.Changes, func(c Change) bool { return c.Path == lock.Path }) {
		return nil
	}
	now, err := w.view.Read(lock.Path)
	if err == nil && !Same(now, lock.Old) {
		err = fmt.Errorf("%s: %w", lock.Path, ErrChanged)
	}
	return err
}

// place puts what is staged in place, and removes what is not wanted.
func (w *writer) place(moves []move) error {
	for _, m := range moves {
		if m.temp == "" {
			if err := w.remove(m.target); err != nil {
				return err
			}
			continue
		}
		step("rename " + m.target)
		dir := path.Dir(m.target)
		folder, err := w.view.folder(dir)
		if err == nil {
			err = named(folder.Rename(path.Base(m.temp), path.Base(m.target)), m.temp)
		}
		if err != nil {
			return fmt.Errorf("put %s in place: %w", m.target, err)
		}
		w.dirs[dir] = true
	}
	return nil
}

// remove deletes a file, and the folders of the cluster that are empty then.
func (w *writer) remove(p string) error {
	step("remove " + p)
	if err := w.view.remove(p); err != nil {
		return fmt.Errorf("remove %s: %w", p, err)
	}
	kept, err := w.view.removeEmpty(path.Dir(p), w.folder)
	w.dirs[kept] = true
	return err
}

// inFolder reports whether p is in the cluster's own folder.
func (w *writer) inFolder(p string) bool {
	return w.folder != "" && strings.HasPrefix(p, w.folder+"/")
}
