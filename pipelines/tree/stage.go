package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The modes of what kasou writes, whatever the umask: those git knows.
const (
	fileMode = 0o644
	dirMode  = 0o755
)

// tempPrefix heads the names of temporary files. renameio would do the same
// work, but it neither lets the name be chosen, by which the next run knows
// what a killed one left, nor puts a file reached through os.Root beside its
// target, nor syncs the folder.
const tempPrefix = ".kasou-"

func tempName(cluster string, n int) string {
	return fmt.Sprintf("%s%s.%d.tmp", tempPrefix, tempOwner(cluster), n)
}

// tempOwner has a dot for the fleet's own file: no cluster's name has one.
func tempOwner(cluster string) string {
	if cluster == "" {
		return FleetLockName
	}
	return cluster
}

// isTemp says whether the entry is a temporary file of the cluster.
func isTemp(cluster string, entry fs.DirEntry) bool {
	rest, ok := strings.CutPrefix(entry.Name(), tempPrefix+tempOwner(cluster)+".")
	return ok && entry.Type().IsRegular() && numbered.MatchString(rest)
}

var numbered = regexp.MustCompile(`^[0-9]+\.tmp$`)

// sweep removes what a killed run left. Nobody else is at work: the cluster is
// locked.
func (w *writer) sweep() error {
	remove := func(at string, entry fs.DirEntry) error {
		if !isTemp(w.plan.Cluster, entry) {
			return nil
		}
		return w.disk.root.Remove(at)
	}
	if w.plan.lockPath != "" {
		if err := w.disk.walk(w.plan.folder(), remove); err != nil {
			return err
		}
	}
	for _, dir := range []string{w.plan.dir, path.Join(w.plan.dir, rootName)} {
		entries, err := w.disk.list(dir)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			if err := remove(path.Join(dir, entry.Name()), entry); err != nil {
				return err
			}
		}
	}
	return nil
}

// stageAll writes every new content beside its target.
func (w *writer) stageAll(ctx context.Context) error {
	if w.needsIntent() {
		if err := w.stage(w.plan.lockPath, w.plan.lockIntent); err != nil {
			return err
		}
	}
	for _, c := range w.todo {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.New != nil && c.Path != w.plan.lockPath {
			if err := w.stage(c.Path, c.New); err != nil {
				return err
			}
		}
	}
	if w.plan.lockPath != "" && w.plan.lockNew != nil {
		return w.stage(w.plan.lockPath, w.plan.lockNew)
	}
	return ctx.Err()
}

// intentTemp is where the intent lock is staged: it is always the first.
func (w *writer) intentTemp() string {
	if !w.needsIntent() {
		return ""
	}
	return path.Join(path.Dir(w.plan.lockPath), tempName(w.plan.Cluster, 0))
}

func (w *writer) stage(target string, data []byte) (err error) {
	if err := w.mkdir(path.Dir(target)); err != nil {
		return err
	}
	step("stage " + target)
	temp := path.Join(path.Dir(target), tempName(w.plan.Cluster, len(w.staged)))
	f, err := w.disk.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	w.staged = append(w.staged, move{temp, target})
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			err = fmt.Errorf("write %s: %w", target, err)
		}
	}()
	step("write " + target)
	if _, err := f.Write(data); err != nil {
		return err
	}
	step("sync " + target)
	if err := f.Chmod(fileMode); err != nil {
		return err
	}
	return f.Sync()
}

// mkdir makes the folder p and those above it, where they are not there.
func (w *writer) mkdir(p string) error {
	for _, dir := range append(parents(p), p) {
		err := w.disk.folder(dir)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		step("mkdir " + dir)
		if err := w.disk.root.Mkdir(dir, dirMode); errors.Is(err, fs.ErrExist) {
			continue // another cluster's build was faster
		} else if err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		w.made = append(w.made, dir)
		if err := w.disk.root.Chmod(dir, dirMode); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if err := w.sync(path.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// discard takes back what stageAll did. It does not fail: what it cannot
// remove, the next run sweeps.
func (w *writer) discard() {
	for _, m := range w.staged {
		_ = w.disk.root.Remove(m.temp)
	}
	for _, dir := range slices.Backward(w.made) {
		_ = w.disk.root.Remove(dir)
	}
}

func (w *writer) rename(moves []move) error {
	dirs := map[string]bool{}
	for _, m := range moves {
		step("rename " + m.target)
		if err := w.disk.root.Rename(m.temp, m.target); err != nil {
			return fmt.Errorf("put %s in place: %w", m.target, err)
		}
		dirs[path.Dir(m.target)] = true
	}
	return w.syncAll(dirs)
}

// remove deletes the files of the plan that match and are not wanted, and the
// folders of the cluster that are empty then.
func (w *writer) remove(match func(p string) bool) error {
	dirs := map[string]bool{}
	for _, c := range w.todo {
		if c.New != nil || !match(c.Path) {
			continue
		}
		step("remove " + c.Path)
		if err := w.disk.root.Remove(c.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", c.Path, err)
		}
		kept, err := w.removeEmpty(path.Dir(c.Path))
		if err != nil {
			return err
		}
		dirs[kept] = true
	}
	return w.syncAll(dirs)
}

// removeEmpty removes dir and the folders above it while they are empty, up to
// the cluster's own, and gives the first that stays. root/ always stays: other
// clusters may be about to write there.
func (w *writer) removeEmpty(dir string) (string, error) {
	folder := w.plan.folder()
	for dir == folder || strings.HasPrefix(dir, folder+"/") {
		step("rmdir " + dir)
		err := w.disk.root.Remove(dir)
		if errors.Is(err, fs.ErrExist) { // also says: not empty
			return dir, nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return dir, fmt.Errorf("remove folder: %w", err)
		}
		dir = path.Dir(dir)
	}
	return dir, nil
}

func (w *writer) syncAll(dirs map[string]bool) error {
	for _, dir := range slices.Sorted(maps.Keys(dirs)) {
		if err := w.sync(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sync makes renames and removals in the folder last.
func (w *writer) sync(dir string) error {
	step("sync folder " + dir)
	f, err := w.disk.root.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
