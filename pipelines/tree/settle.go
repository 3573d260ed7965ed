package tree

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"

	"golang.org/x/sync/errgroup"
)

// settle makes what the step did last: the files that it wrote, and the new, renamed
// and removed names in folders. It leaves that to the sync which the batch shares, where
// that covers the folders. A folder that is gone needs nothing.
func (w *writer) settle() error {
	if len(w.dirs)+len(w.unsynced) == 0 {
		return nil
	}
	folders, err := w.unsettled(w.dirs, w.unsynced)
	if err != nil {
		return err
	}
	if !w.visit.disk.syncs.covers(slices.Collect(maps.Values(folders))) {
		return w.syncEach(folders, w.dirs, w.unsynced)
	}
	step("sync " + w.plan.Cluster)
	w.shares = true
	w.visit.release()
	return nil
}

// unsettled opens the folders that hold what is to be synced.
func (w *writer) unsettled(dirs map[string]bool, staged []move) (map[string]*folder, error) {
	folders := map[string]*folder{}
	add := func(dir string) error {
		if folders[dir] != nil {
			return nil
		}
		f, err := w.visit.at(dir)
		if err == nil {
			folders[dir] = f
		}
		return err
	}
	for dir := range dirs {
		if err := add(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	for _, m := range staged {
		if err := add(path.Dir(m.temp)); err != nil {
			return nil, err
		}
	}
	return folders, nil
}

// syncEach syncs the files and folders by themselves, but together, not one
// after the other: a file system writes its journal once for all that wait for
// it.
func (w *writer) syncEach(folders map[string]*folder, dirs map[string]bool, staged []move) error {
	var all errgroup.Group
	slots := w.visit.disk.syncs.slots
	start := func(what string, sync func() error) {
		step("sync " + what)
		slots <- struct{}{}
		all.Go(func() error {
			defer func() { <-slots }()
			if err := sync(); err != nil {
				return fmt.Errorf("sync %s: %w", what, err)
			}
			return nil
		})
	}
	for _, m := range staged {
		start(m.target, func() error { return folders[path.Dir(m.temp)].syncFile(path.Base(m.temp)) })
	}
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if f := folders[dir]; f != nil {
			start("folder "+dir, f.sync)
		}
	}
	return all.Wait()
}
