// Package tree compares the wanted files with the disk, and is the only place that
// writes them.
package tree

import (
	"context"
	"errors"
	"fmt"
	"slices"
)

// ErrChanged is what Apply gives when the disk is no longer as it was when the
// plan was made.
var ErrChanged = errors.New("changed while kasou worked: run it again")

// step is called before every move on disk. Tests end the process in it.
var step = func(string) {}

// Apply makes the disk as the plan wants it. All contents are first written
// beside their targets and synced; a full disk or a missing permission shows
// there, with the old files untouched. Then a lock that claims the old files
// and the new takes the place of lock.yaml, the files follow by rename, what is
// not wanted goes, and the final lock comes last. A process that dies on the
// way leaves each file old or new, and that lock, by which the next run knows.
// Two processes at work on one cluster take turns; clusters that are applied at
// once share the syncs. ctx is heeded until the first rename. It fails with
// ErrChanged when someone was faster.
func (d *Disk) Apply(ctx context.Context, p Plan) error {
	d.group.written.Add(1)
	v := d.visit()
	defer v.Close()
	w := &writer{visit: v, plan: p, dirty: map[string]bool{}}
	if err := w.lock(ctx); err != nil {
		return err
	}
	d.hands <- struct{}{}
	defer func() { <-d.hands }()
	if err := w.outstanding(); err != nil {
		return err
	}
	if err := w.sweep(); err != nil {
		return err
	}
	if len(w.todo) == 0 {
		w.discard() // the folder that was made to be locked
		return nil
	}
	if err := w.stageAll(ctx); err != nil {
		w.discard()
		return err
	}
	if err := w.commit(); err != nil {
		w.discard()
		return err
	}
	return nil
}

// writer is one Apply at work.
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
}

type move struct{ temp, target string }

// lock keeps other processes off the cluster.
func (w *writer) lock(ctx context.Context) error {
	folder := w.plan.dir
	if w.plan.lockPath != "" {
		folder = w.plan.folder()
	}
	if err := w.mkdir(folder); err != nil {
		return err
	}
	return w.visit.lock(ctx, folder, true)
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

// commit moves everything into place. From here on it only renames, removes
// and syncs: the intent lock lasts before a file changes, and all files do
// before the final lock comes.
func (w *writer) commit() error {
	intent, files, final := w.phases()
	isLock := func(p string) bool { return p == w.plan.lockPath }
	for _, phase := range []struct {
		moves   []move
		removes func(p string) bool
	}{
		{intent, func(string) bool { return false }},
		{files, func(p string) bool { return !isLock(p) }},
		{final, isLock},
	} {
		dirs := map[string]bool{}
		if err := w.rename(phase.moves, dirs); err != nil {
			return err
		}
		if err := w.remove(phase.removes, dirs); err != nil {
			return err
		}
		if err := w.settle(dirs, nil); err != nil {
			return err
		}
	}
	return nil
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
