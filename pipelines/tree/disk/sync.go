package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

const (
	// few is how many clusters of a run are synced file by file: one changed spec
	// must not wait for whatever else there is to write in the file system.
	few = 3
	// atOnce is how many files are synced at once, where each is synced by
	// itself: each takes a thread.
	atOnce = 64
)

// syncs makes last what was written, by one sync of the file system for a batch.
type syncs struct {
	// system makes last all that was written before it is called, in every folder
	// of the device. It is nil where there is no such call to be relied upon.
	system func() error
	device uint64
	// written counts the clusters that came to be written.
	written atomic.Int32
	// slots bound how many files are synced one by one.
	slots chan struct{}

	mu sync.Mutex
	// failed is why no sync can be trusted any more.
	failed error
}

// open prepares for the folder's file system, before anything is written there.
func (s *syncs) open(folder *os.File) {
	if info, err := folder.Stat(); err == nil {
		s.device, s.system = device(info), wholeSync(folder)
	}
}

// whole returns when all that was written before the call will last. The system tells
// of a file that it could not write once, in the next sync, which may be another
// batch's: once one failed, all fail.
func (s *syncs) whole() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = s.system()
	}
	return s.failed
}

// sync makes what the step did last: the files that it wrote, and the new, renamed
// and removed names in folders. It leaves that to the sync which the batch shares, where
// that covers all folders of the cluster.
func (w *writer) sync() error {
	if len(w.dirs)+len(w.unsynced) == 0 {
		return nil
	}
	s := &w.view.disk.syncs
	if s.system == nil || s.written.Load() <= few || w.view.elsewhere {
		return w.syncEach(s.slots)
	}
	step("sync " + w.plan.Cluster)
	w.shares = true
	w.view.release()
	return nil
}

// syncEach syncs the files and folders by themselves, but together, not one after the
// other: a file system writes its journal once for all that wait for it. A folder that is
// gone needs nothing.
func (w *writer) syncEach(slots chan struct{}) error {
	var all errgroup.Group
	start := func(what, dir, name string) error {
		folder, err := w.view.folder(dir)
		if err != nil {
			return err
		}
		slots <- struct{}{}
		file, err := folder.Open(name)
		if err != nil {
			<-slots
			return fmt.Errorf("sync %s: %w", what, named(err, path.Join(dir, name)))
		}
		step("sync " + what)
		all.Go(func() error {
			defer func() { <-slots }()
			if err := errors.Join(file.Sync(), file.Close()); err != nil {
				return fmt.Errorf("sync %s: %w", what, err)
			}
			return nil
		})
		return nil
	}
	var err error
	for _, m := range w.unsynced {
		err = errors.Join(err, start(m.target, path.Dir(m.temp), path.Base(m.temp)))
	}
	for _, dir := range slices.Sorted(maps.Keys(w.dirs)) {
		if failed := start("folder "+dir, dir, "."); !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, failed)
		}
	}
	return errors.Join(err, all.Wait())
}
