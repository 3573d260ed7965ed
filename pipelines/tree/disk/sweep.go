package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
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
	v := d.View()
	defer v.Close()
	// Whoever writes what is no cluster's own holds this lock.
	if err := v.Lock(ctx, d.dir, true); err != nil {
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
	v := d.View()
	defer v.Close()
	entries, err := v.List(d.dir)
	if err != nil {
		return nil, nil // whoever reads the fleet says so
	}
	var left, folders []string
	for _, e := range entries {
		switch {
		case IsTemp(e):
			left = append(left, path.Join(d.dir, e.Name()))
		case !e.IsDir() || strings.HasPrefix(e.Name(), ".") || strings.HasPrefix(e.Name(), "_"):
		case e.Name() == layout.Root || mine(e.Name()):
			folders = append(folders, path.Join(d.dir, e.Name()))
		}
	}
	found := make([][]string, len(folders))
	var all errgroup.Group
	all.SetLimit(runtime.GOMAXPROCS(0))
	for i, folder := range folders {
		all.Go(func() error {
			v := d.View()
			defer v.Close()
			seen, err := look(v, folder)
			if err == nil {
				d.listed.Store(folder, seen)
			}
			found[i] = seen.temporary
			return passed(err)
		})
	}
	err = all.Wait()
	return slices.Concat(left, slices.Concat(found...)), err
}

// passed returns an error that is not of what is in the way, and of no permission: whoever
// needs the folder says those.
func passed(err error) error {
	if _, ok := errors.AsType[*Obstacle](err); ok || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

// sweepOne removes one file, and the folders that are empty then, while nobody
// writes the cluster that it is of.
func (d *Disk) sweepOne(ctx context.Context, p string) error {
	v := d.View()
	defer v.Close()
	rel, _ := d.inside(p)
	target := strings.TrimSuffix(strings.TrimPrefix(path.Base(rel), TempPrefix), tempSuffix)
	cluster := layout.Owner(path.Join(path.Dir(rel), target))
	if cluster == "" { // Sweep holds the lock
		return v.remove(p)
	}
	folder := path.Join(d.dir, cluster)
	if err := v.Lock(ctx, folder, true); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := v.remove(p); err != nil {
		return err
	}
	_, err := v.removeEmpty(path.Dir(p), folder)
	return err
}
