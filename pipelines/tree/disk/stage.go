package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/layout"
)

// TempPrefix heads the names of temporary files, and tempSuffix ends them. renameio
// would do the same work, but it neither lets the name be chosen, by which the next run
// knows what a killed one left, nor puts a file reached through os.Root beside its
// target, nor syncs the folder.
const (
	TempPrefix = ".kasou-"
	tempSuffix = ".tmp"
)

// IsTemp reports whether the entry of a folder is a temporary file of a run that writes,
// or was killed.
func IsTemp(e fs.DirEntry) bool {
	return e.Type().IsRegular() && strings.HasPrefix(e.Name(), TempPrefix) && strings.HasSuffix(e.Name(), tempSuffix)
}

// temp returns the name under which a content is staged: numbered in the cluster's own
// folder, after the target in a shared one.
func (w *writer) temp(target string) string {
	name := path.Base(target)
	if w.inFolder(target) {
		name = fmt.Sprintf("%s.%d", w.plan.Cluster, len(w.unsynced))
	}
	return path.Join(path.Dir(target), TempPrefix+name+tempSuffix)
}

// sweep removes what a killed run left. Nobody else is at work: the cluster is locked.
// In the folders that all clusters share it knows the names: listing a folder with an
// entry for each cluster, for each cluster, would cost the square of the fleet.
func (w *writer) sweep() error {
	var left []string
	if w.plan.Lock.Path != "" {
		seen, err := look(w.view, w.folder)
		if passed(err) != nil {
			return err
		}
		left = seen.temporary
	}
	var targets []string
	if w.plan.Cluster != "" {
		at := layout.Of(w.view.disk.dir, w.plan.Cluster)
		targets = []string{at.Application(), at.Registration()}
	}
	for _, c := range w.plan.Changes {
		targets = append(targets, c.Path)
	}
	for _, target := range targets {
		if !w.inFolder(target) {
			left = append(left, w.temp(target))
		}
	}
	for _, p := range left {
		if err := w.view.remove(p); err != nil {
			return err
		}
	}
	return nil
}

// stageAll writes every new content beside its target, and notes what goes where.
func (w *writer) stageAll(ctx context.Context) error {
	lock := w.plan.Lock
	isFile := func(c Change) bool { return c.Path != lock.Path }
	if lock.Path != "" && slices.ContainsFunc(w.todo, isFile) {
		if err := w.stage(intentPhase, lock.Path, lock.Intent); err != nil {
			return err
		}
	}
	for _, c := range w.todo {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.New != nil && isFile(c) {
			if err := w.stage(filesPhase, c.Path, c.New); err != nil {
				return err
			}
		}
	}
	if lock.New != nil {
		if err := w.stage(finalPhase, lock.Path, lock.New); err != nil {
			return err
		}
	}
	for _, c := range w.todo {
		switch {
		case c.New != nil:
		case isFile(c):
			w.moves[filesPhase] = append(w.moves[filesPhase], move{target: c.Path})
		default:
			w.moves[finalPhase] = append(w.moves[finalPhase], move{target: c.Path})
		}
	}
	return ctx.Err()
}

func (w *writer) stage(phase int, target string, data []byte) error {
	dir := path.Dir(target)
	if err := w.mkdir(dir); err != nil {
		return err
	}
	step("stage " + target)
	m := move{w.temp(target), target}
	folder, err := w.view.folder(dir)
	if err != nil {
		return err
	}
	file, err := folder.OpenFile(path.Base(m.temp), os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err == nil {
		w.moves[phase] = append(w.moves[phase], m)
		w.unsynced = append(w.unsynced, m)
		step("write " + target)
		_, err = file.Write(data)
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", target, named(err, m.temp))
	}
	return nil
}

// mkdir makes the folder p and those above it, where they are not there.
func (w *writer) mkdir(p string) error {
	_, err := w.view.folder(p)
	if !errors.Is(err, fs.ErrNotExist) || p == w.view.disk.dir {
		return err
	}
	parent := path.Dir(p)
	if err := w.mkdir(parent); err != nil {
		return err
	}
	folder, err := w.view.folder(parent)
	if err != nil {
		return err
	}
	step("mkdir " + p)
	err = folder.Mkdir(path.Base(p), dirMode)
	if errors.Is(err, fs.ErrExist) {
		return nil // another cluster's build was faster
	}
	if err != nil {
		return fmt.Errorf("make folder: %w", named(err, p))
	}
	w.made = append(w.made, p)
	w.dirs[parent] = true
	return nil
}
