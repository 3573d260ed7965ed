package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
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
// Two processes at work on one cluster take turns. ctx is heeded until the
// first rename. It fails with ErrChanged when someone was faster.
func Apply(ctx context.Context, p Plan) error {
	d, err := openDisk(p.root)
	if err != nil {
		return err
	}
	defer d.Close()
	w := &writer{disk: d, plan: p, dirty: map[string]bool{}}
	unlock, err := w.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
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
	return w.commit()
}

// writer is one Apply at work.
type writer struct {
	disk *disk
	plan Plan
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
func (w *writer) lock(ctx context.Context) (unlock func(), err error) {
	folder := w.plan.dir
	if w.plan.lockPath != "" {
		folder = w.plan.folder()
	}
	if err := w.mkdir(folder); err != nil {
		return nil, err
	}
	return lockFolder(ctx, w.plan.root, folder, (*flock.Flock).TryLockContext)
}

const lockPoll = 20 * time.Millisecond

// lockFolder waits for a lock of the folder itself, so that no lock file
// litters the repo. try is TryLockContext for who writes, TryRLockContext for
// who reads.
func lockFolder(ctx context.Context, root, folder string, try func(*flock.Flock, context.Context, time.Duration) (bool, error)) (unlock func(), err error) {
	// A folder cannot be opened for writing.
	mutex := flock.New(filepath.Join(root, filepath.FromSlash(folder)), flock.SetFlag(os.O_RDONLY))
	if _, err := try(mutex, ctx, lockPoll); err != nil {
		return nil, fmt.Errorf("wait for another kasou at work in %s: %w", folder, err)
	}
	return func() { _ = mutex.Close() }, nil
}

// lockToRead is lockFolder for a look at the cluster's files, where its folder
// is there at all.
func (d *disk) lockToRead(ctx context.Context, p Plan) (unlock func(), err error) {
	if _, err := d.at(p.folder()); errors.Is(err, fs.ErrNotExist) {
		return func() {}, nil
	} else if err != nil {
		return nil, err
	}
	return lockFolder(ctx, p.root, p.folder(), (*flock.Flock).TryRLockContext)
}

// outstanding looks at the disk again, now that nobody else writes.
func (w *writer) outstanding() error {
	locked := w.plan.lockPath == ""
	for _, c := range w.plan.Changes {
		now, err := w.disk.readMaybe(c.Path)
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
	now, err := w.disk.readMaybe(w.plan.lockPath)
	if err == nil && !same(now, w.plan.lockOld) {
		err = fmt.Errorf("%s: %w", w.plan.lockPath, ErrChanged)
	}
	return err
}

// commit moves everything into place. From here on it only renames, removes
// and syncs.
func (w *writer) commit() error {
	intent, files, final := w.phases()
	for _, moves := range [][]move{intent, files} {
		if err := w.rename(moves); err != nil {
			return err
		}
	}
	if err := w.remove(func(p string) bool { return p != w.plan.lockPath }); err != nil {
		return err
	}
	if err := w.rename(final); err != nil {
		return err
	}
	return w.remove(func(p string) bool { return p == w.plan.lockPath })
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
