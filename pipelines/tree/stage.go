package tree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// The modes of what kasou writes. The umask takes from them what the person wants
// nobody else to have, as with git's own checkout.
const (
	fileMode = 0o666
	dirMode  = 0o777
)

// tempPrefix heads the names of temporary files. renameio would do the same
// work, but it neither lets the name be chosen, by which the next run knows
// what a killed one left, nor puts a file reached through os.Root beside its
// target, nor syncs the folder.
const (
	tempPrefix = ".kasou-"
	tempSuffix = ".tmp"
)

func tempName(cluster string, n int) string {
	return fmt.Sprintf("%s%s.%d%s", tempPrefix, cluster, n, tempSuffix)
}

// isTemp says whether the entry is a temporary file of the cluster.
func isTemp(cluster string, e entry) bool {
	rest, ok := strings.CutPrefix(e.name, tempPrefix)
	if !ok {
		return false
	}
	rest, ok = strings.CutPrefix(rest, cluster+".")
	return ok && e.kind.IsRegular() && numbered.MatchString(rest)
}

var numbered = regexp.MustCompile(`^[0-9]+\.tmp$`)

// sweep removes what a killed run left. Nobody else is at work: the cluster is
// locked.
func (w *writer) sweep() error {
	remove := func(at string, e entry) error {
		if !isTemp(w.plan.Cluster, e) {
			return nil
		}
		return w.visit.remove(at)
	}
	if w.plan.lockPath != "" {
		if err := w.visit.walk(w.plan.folder(), remove); err != nil {
			return err
		}
	}
	return w.sweepShared()
}

// sweepShared removes what a killed run left in the folders that all clusters
// share. It knows the names: listing a folder with an entry for each cluster,
// for each cluster, would cost the square of the fleet.
func (w *writer) sweepShared() error {
	for target := range w.sharedTargets() {
		temp := w.temp(target)
		if err := w.visit.remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// sharedTargets are the files outside the cluster's folder that this plan
// writes, or another one of the cluster may have written.
func (w *writer) sharedTargets() map[string]bool {
	targets := map[string]bool{}
	if w.plan.Cluster != "" {
		for _, file := range sharedFiles(w.plan.Cluster) {
			targets[path.Join(w.plan.dir, file)] = true
		}
	}
	for _, c := range w.plan.Changes {
		if !w.inFolder(c.Path) {
			targets[c.Path] = true
		}
	}
	return targets
}

// inFolder says whether p is in the cluster's own folder.
func (w *writer) inFolder(p string) bool {
	return w.plan.Cluster != "" && strings.HasPrefix(p, w.plan.folder()+"/")
}

// temp gives the name under which a content is staged: numbered in the
// cluster's own folder, after the target in a shared one.
func (w *writer) temp(target string) string {
	if !w.inFolder(target) {
		return path.Join(path.Dir(target), tempPrefix+path.Base(target)+tempSuffix)
	}
	return path.Join(path.Dir(target), tempName(w.plan.Cluster, len(w.staged)))
}

// writeAll writes every new content beside its target.
func (w *writer) writeAll(ctx context.Context) error {
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

func (w *writer) stage(target string, data []byte) error {
	if err := w.mkdir(path.Dir(target)); err != nil {
		return err
	}
	step("stage " + target)
	temp := w.temp(target)
	if err := w.write(temp, target, data); err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	return nil
}

func (w *writer) write(temp, target string, data []byte) error {
	return w.visit.in(temp, func(f *folder, name string) error {
		file, err := f.create(name)
		if err != nil {
			return err
		}
		w.staged = append(w.staged, move{temp, target})
		step("write " + target)
		return file.finish(data)
	})
}

// mkdir makes the folder p and those above it, where they are not there.
func (w *writer) mkdir(p string) error {
	if _, err := w.visit.at(p); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, dir := range append(parents(p), p) {
		_, err := w.visit.at(dir)
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		step("mkdir " + dir)
		if err := w.visit.mkdir(dir); errors.Is(err, fs.ErrExist) {
			continue // another cluster's build was faster
		} else if err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		w.made = append(w.made, dir)
		w.dirty[path.Dir(dir)] = true
	}
	return nil
}

// discard takes back what writeAll did, and is not in place. It does not fail: what it cannot
// remove, the next run sweeps.
func (w *writer) discard() {
	for _, m := range w.staged {
		_ = w.visit.remove(m.temp)
	}
	for _, dir := range slices.Backward(w.made) {
		if !w.visit.disk.shared(dir) { // others may be at work there
			_ = w.visit.rmdir(dir)
		}
	}
}

// rename puts what is staged in place, and notes the folders in dirs.
func (w *writer) rename(moves []move, dirs map[string]bool) error {
	for _, m := range moves {
		step("rename " + m.target)
		if err := w.visit.rename(m.temp, m.target); err != nil {
			return fmt.Errorf("put %s in place: %w", m.target, err)
		}
		dirs[path.Dir(m.target)] = true
	}
	return nil
}

// remove deletes the files of the plan that match and are not wanted, and the
// folders of the cluster that are empty then. It notes the folders in dirs.
func (w *writer) remove(match func(p string) bool, dirs map[string]bool) error {
	for _, c := range w.todo {
		if c.New != nil || !match(c.Path) {
			continue
		}
		step("remove " + c.Path)
		if err := w.visit.remove(c.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove %s: %w", c.Path, err)
		}
		kept, err := w.removeEmpty(path.Dir(c.Path))
		if err != nil {
			return err
		}
		dirs[kept] = true
	}
	return nil
}

// removeEmpty removes dir and the folders above it while they are empty, up to
// the cluster's own, and gives the first that stays. root/ always stays: other
// clusters may be about to write there.
func (w *writer) removeEmpty(dir string) (string, error) {
	folder := w.plan.folder()
	for dir == folder || strings.HasPrefix(dir, folder+"/") {
		step("rmdir " + dir)
		err := w.visit.rmdir(dir)
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
