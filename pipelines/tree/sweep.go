package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"strings"

	"golang.org/x/sync/errgroup"

	"kasou/pipelines/layout"
)

// Sweep removes the temporary files that earlier runs left when they were killed
// or could not go on, whatever they were about to write: those in root/ and in the
// clusters folder itself, and in the folders of the clusters that mine accepts. A
// folder that held nothing else goes, too. It waits for other processes that are
// at work where it finds any.
func (d *Disk) Sweep(ctx context.Context, mine func(cluster string) bool) error {
	left, err := d.leftBehind(mine)
	if err != nil || len(left) == 0 {
		return err
	}
	v := d.visit()
	defer v.Close()
	// Whoever writes what is no cluster's own holds this lock.
	if err := v.lock(ctx, d.dir, true); err != nil {
		return err
	}
	for _, p := range left {
		if err := d.sweepOne(ctx, p); err != nil {
			return fmt.Errorf("remove what an earlier run left: %w", err)
		}
	}
	return nil
}

// leftBehind returns the temporary files, by their paths from the repo's root.
func (d *Disk) leftBehind(mine func(cluster string) bool) ([]string, error) {
	v := d.visit()
	defer v.Close()
	entries, err := v.list(d.dir)
	if err != nil {
		return nil, nil // whoever reads the fleet says so
	}
	var left []string
	var folders []string
	for _, e := range entries {
		switch {
		case anyTemp(e):
			left = append(left, path.Join(d.dir, e.name))
		case !e.kind.IsDir() || strings.HasPrefix(e.name, ".") || strings.HasPrefix(e.name, "_"):
		case e.name == layout.Root || mine(e.name):
			folders = append(folders, path.Join(d.dir, e.name))
		}
	}
	found := make([][]string, len(folders))
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i, folder := range folders {
		all.Go(func() (err error) {
			found[i], err = d.leftIn(folder)
			return err
		})
	}
	err = all.Wait()
	for _, some := range found {
		left = append(left, some...)
	}
	return left, err
}

func (d *Disk) leftIn(folder string) (left []string, err error) {
	v := d.visit()
	defer v.Close()
	err = v.walk(folder, func(p string, e entry) error {
		if anyTemp(e) {
			left = append(left, p)
		}
		return nil
	})
	if obstacleIn(err, "") != nil || errors.Is(err, fs.ErrPermission) {
		err = nil // whoever needs the folder says so
	}
	return left, err
}

// anyTemp reports whether the entry is a temporary file of any run.
func anyTemp(e entry) bool {
	return e.kind.IsRegular() && strings.HasPrefix(e.name, tempPrefix) && strings.HasSuffix(e.name, tempSuffix)
}

// sweepOne removes one file, and the folders that are empty then, while nobody
// writes the cluster that it is of.
func (d *Disk) sweepOne(ctx context.Context, p string) error {
	w := &writer{visit: d.visit(), plan: newPlan(d.dir, d.clusterOf(p))}
	defer w.visit.Close()
	if w.plan.Cluster != "" { // else Sweep holds the lock
		if err := w.visit.lock(ctx, w.plan.folder(), true); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := w.visit.remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !w.inFolder(p) {
		return nil
	}
	_, err := w.removeEmpty(path.Dir(p))
	return err
}

// clusterOf returns the cluster that a temporary file is of; "" for one in the
// clusters folder itself.
func (d *Disk) clusterOf(p string) string {
	first, name, below := strings.Cut(strings.TrimPrefix(p, d.dir+"/"), "/")
	switch {
	case !below:
		return ""
	case first != layout.Root:
		return first
	}
	return listedFor(path.Join(layout.Root, strings.TrimSuffix(strings.TrimPrefix(name, tempPrefix), tempSuffix)))
}
