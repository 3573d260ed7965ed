// Package tree compares the wanted files with the disk, and is the only place that
// writes them.
package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// ErrChanged is what Apply gives when the disk is no longer as it was when the
// plan was made.
var ErrChanged = errors.New("changed while kasou worked: run it again")

// step is called before every move on disk. Tests end the process in it.
var step = func(string) {}

// Apply is WriteAll for one plan.
func (d *Disk) Apply(ctx context.Context, p Plan) error { return d.WriteAll(ctx, []Plan{p})[0] }

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
		writers[i] = &writer{visit: d.visit(), plan: p, dirty: map[string]bool{}, waits: len(plans) == 1}
	}
	d.together(writers, func(w *writer) error { return w.begin(ctx) })
	for _, w := range writers {
		if err := ctx.Err(); err != nil && !w.done && w.err == nil {
			w.fail(err)
		}
	}
	d.together(writers, (*writer).placeIntent)
	d.together(writers, (*writer).placeFiles)
	d.together(writers, (*writer).placeLock)
	errs := make([]error, len(plans))
	for i, w := range writers {
		errs[i] = w.err
		w.visit.Close()
	}
	for i, w := range writers { // whoever holds them may have waited for those above
		if w.busy {
			errs[i] = d.Apply(ctx, plans[i])
		}
	}
	return errs
}

// hands is how many clusters of a batch are written at once: each has folders open,
// and keeps a thread busy.
const hands = 16

// together takes one step for each writer that has not failed, and makes what they
// did last before it returns.
func (d *Disk) together(writers []*writer, do func(*writer) error) {
	var all errgroup.Group
	all.SetLimit(hands)
	for _, w := range writers {
		if w.done || w.err != nil {
			continue
		}
		all.Go(func() error {
			w.shares = false
			w.dirs, w.unsynced = map[string]bool{}, nil
			err := do(w)
			if err == nil {
				err = w.settle()
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

// writer writes one cluster.
type writer struct {
	visit *visit
	plan  Plan
	// todo are the changes that are not on disk yet, the lock's left out.
	todo []Change
	// made are the folders that it created, outermost first.
	made []string
	// dirty are the folders with new folders in them that are not synced yet.
	dirty map[string]bool
	// staged are the temporary files and their targets, in order.
	staged []move
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

type move struct{ temp, target string }

// fail takes back what is not in place.
func (w *writer) fail(err error) {
	w.err = err
	w.discard()
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
		return nil
	}
	err := w.writeAll(ctx)
	w.dirs, w.unsynced = w.dirty, w.staged
	return err
}

// lock keeps other processes off the cluster.
func (w *writer) lock(ctx context.Context) error {
	folder := w.plan.dir
	if w.plan.lockPath != "" {
		folder = w.plan.folder()
	}
	if err := w.mkdir(folder); err != nil {
		return err
	}
	if w.waits {
		return w.visit.lock(ctx, folder, true)
	}
	ok, err := w.visit.tryLock(folder, true)
	w.busy, w.done = !ok && err == nil, !ok
	return err
}

// outstanding looks at the disk again, now that nobody else writes.
func (w *writer) outstanding() error {
	locked := w.plan.lockPath == ""
	for _, c := range w.plan.Changes {
		now, err := w.visit.lookMaybe(c.Path)
		if err != nil {
			return err
		}
		done := same(now, c.New)
		if !done && !same(now, c.Old) {
			return fmt.Errorf("%s: %w", c.Path, ErrChanged)
		}
		locked = locked || c.Path == w.plan.lockPath
		if !done {
			w.todo = append(w.todo, c)
		}
	}
	if locked {
		return nil
	}
	now, err := w.visit.lookMaybe(w.plan.lockPath)
	if err == nil && !same(now, w.plan.lockOld) {
		err = fmt.Errorf("%s: %w", w.plan.lockPath, ErrChanged)
	}
	return err
}

// From here on a writer only renames, removes and syncs: the intent lock lasts before
// a file changes, and all files do before the final lock comes.

func (w *writer) placeIntent() error {
	intent, _, _ := w.phases()
	return w.rename(intent, w.dirs)
}

func (w *writer) placeFiles() error {
	_, files, _ := w.phases()
	if err := w.rename(files, w.dirs); err != nil {
		return err
	}
	return w.remove(func(p string) bool { return p != w.plan.lockPath }, w.dirs)
}

func (w *writer) placeLock() error {
	_, _, final := w.phases()
	if err := w.rename(final, w.dirs); err != nil {
		return err
	}
	return w.remove(func(p string) bool { return p == w.plan.lockPath }, w.dirs)
}

// phases splits what is staged: the intent lock is the first move to lock.yaml
// where files change too, the final lock the last.
func (w *writer) phases() (intent, files, final []move) {
	for _, m := range w.staged {
		switch {
		case m.target != w.plan.lockPath:
			files = append(files, m)
		case m.temp == w.intentTemp():
			intent = append(intent, m)
		default:
			final = append(final, m)
		}
	}
	return intent, files, final
}

// needsIntent says whether anything but lock.yaml itself is to change.
func (w *writer) needsIntent() bool {
	return w.plan.lockPath != "" && slices.ContainsFunc(w.todo, func(c Change) bool { return c.Path != w.plan.lockPath })
}
