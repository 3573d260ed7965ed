package disk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"kasou/pipelines/nofollow"
)

// View is one look at the clusters folder, or one writing of a cluster, by one
// goroutine. All paths are slash-separated, from the repo's root. An error is an
// *Obstacle where something is not a regular file reached through real folders.
type View struct {
	disk *Disk
	// folders are those below the clusters folder that are open, by their paths.
	folders map[string]*os.Root
	// elsewhere means that one of them was on another device than the clusters folder.
	elsewhere bool
	// lock is held until the end.
	lock io.Closer
	// scratch is what Read reads into.
	scratch []byte
}

// View returns a look at the folder. The caller closes it.
func (d *Disk) View() *View {
	v := &View{disk: d, folders: map[string]*os.Root{}}
	if b, ok := d.buffers.Get().(*[]byte); ok {
		v.scratch = *b
	} else {
		v.scratch = make([]byte, 8<<10)
	}
	return v
}

// Close lets go of what is open, and of the lock.
func (v *View) Close() {
	v.release()
	if v.lock != nil {
		_ = v.lock.Close()
	}
	buffer := v.scratch
	v.disk.buffers.Put(&buffer)
}

// release closes all folders. They are opened again when they are needed: while a
// cluster waits for the disk, and many do, it holds one descriptor, for its lock.
func (v *View) release() {
	for p := range v.folders {
		v.closeFolder(p)
	}
}

func (v *View) closeFolder(p string) {
	if f := v.folders[p]; f != nil {
		_ = f.Close() // its names are synced by another descriptor
	}
	delete(v.folders, p)
}

// folder returns the open folder p. The error is fs.ErrNotExist where it is not there.
func (v *View) folder(p string) (*os.Root, error) {
	if f := v.folders[p]; f != nil {
		return f, nil
	}
	top, err := v.disk.clusters()
	switch _, ok := v.disk.inside(p); {
	case err != nil:
		return nil, err
	case !ok:
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrInvalid}
	case p == v.disk.dir:
		return top.root, nil
	}
	parent, err := v.folder(path.Dir(p))
	if err != nil {
		return nil, err
	}
	f, info, err := openFolder(parent, p)
	if err != nil {
		return nil, err
	}
	v.folders[p] = f
	v.elsewhere = v.elsewhere || device(info) != v.disk.syncs.device
	return f, nil
}

// Read returns the content of the file at p until the next Read; nil where there is
// none.
func (v *View) Read(p string) ([]byte, error) {
	data, err := v.read(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if cap(data) > cap(v.scratch) {
		v.scratch = data
	}
	return data, named(err, p)
}

func (v *View) read(p string) ([]byte, error) {
	top, err := v.disk.clusters()
	if err != nil {
		return nil, err
	}
	if rel, ok := v.disk.inside(p); ok {
		data, err := nofollow.Read(top.file, rel, math.MaxInt64, v.scratch[:0])
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return data, err
		}
	}
	// Step by step it shows what is in the way.
	folder, err := v.folder(path.Dir(p))
	if err != nil {
		return nil, err
	}
	file, info, err := open(folder, p, 0, folder.Open, (*os.File).Stat)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return nofollow.ReadAll(file, int(info.Size()), v.scratch[:0])
}

// Exists reports whether anything stands at p.
func (v *View) Exists(p string) (bool, error) {
	data, err := v.Read(p)
	if obstacle, ok := errors.AsType[*Obstacle](err); ok && obstacle.Path == p {
		return true, nil
	}
	return data != nil, err
}

// openFolder opens the folder p to be read, or to be locked.
func (v *View) openFolder(p string) (*os.File, error) {
	top, err := v.disk.clusters()
	if err != nil {
		return nil, err
	}
	if rel, ok := v.disk.inside(p); ok {
		f, err := nofollow.Folder(top.file, rel)
		if err == nil || errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	folder, err := v.folder(p)
	if err != nil {
		return nil, err
	}
	return folder.Open(".")
}

// List returns what is in the folder p, sorted; nothing where it is not there.
func (v *View) List(p string) ([]fs.DirEntry, error) {
	f, err := v.openFolder(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, named(err, p)
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, named(err, p)
}

// Walk calls visit for each file below the folder p that is not a folder itself; for
// none where p is not there.
func (v *View) Walk(p string, visit func(p string, entry fs.DirEntry) error) error {
	entries, err := v.List(p)
	if err != nil {
		return err
	}
	return walk(v, p, entries, visit)
}

// walk is View.Walk for a folder that is listed.
func walk(v *View, p string, entries []fs.DirEntry, visit func(p string, entry fs.DirEntry) error) (err error) {
	for _, e := range entries {
		at := p + "/" + e.Name()
		if e.IsDir() {
			err = v.Walk(at, visit)
		} else {
			err = visit(at, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Files returns the paths of all files below a folder but temporary ones, sorted, as they
// were when the disk first looked through that folder, or through one around it: Sweep
// looks through all. They are not to be changed.
func (d *Disk) Files(folder string) ([]string, error) {
	for at := folder; at != d.dir && at != "."; at = path.Dir(at) {
		if known, ok := d.listed.Load(at); ok {
			files := known.(listing).files
			first, _ := slices.BinarySearch(files, folder+"/")
			last, _ := slices.BinarySearch(files, folder+"0") // the character after /
			return files[first:last], nil
		}
	}
	v := d.View()
	defer v.Close()
	seen, err := look(v, folder)
	if err == nil {
		d.listed.Store(folder, seen)
	}
	return seen.files, err
}

// listing is what is below a folder, as it was when somebody looked.
type listing struct {
	// entries are those of the folder itself, but temporary files.
	entries []fs.DirEntry
	// files and temporary are the paths of all files, sorted.
	files, temporary []string
}

// Entries returns what stood in a folder of the clusters folder when Sweep looked, but
// temporary files. It is not ok where that did not look.
func (d *Disk) Entries(folder string) (entries []fs.DirEntry, ok bool) {
	known, ok := d.listed.Load(folder)
	if !ok {
		return nil, false
	}
	return known.(listing).entries, true
}

// look returns what is below a folder.
func look(v *View, folder string) (seen listing, err error) {
	if seen.entries, err = v.List(folder); err != nil {
		return seen, err
	}
	err = walk(v, folder, seen.entries, func(p string, e fs.DirEntry) error {
		if IsTemp(e) {
			seen.temporary = append(seen.temporary, p)
		} else {
			seen.files = append(seen.files, p)
		}
		return nil
	})
	slices.Sort(seen.files)
	seen.entries = slices.DeleteFunc(seen.entries, IsTemp)
	return seen, err
}

const lockPoll = 20 * time.Millisecond

// Lock waits until no other process holds a lock of the folder p, and takes one until
// the view is closed: for itself alone, or together with others who only read. The error
// is fs.ErrNotExist where the folder is not there.
func (v *View) Lock(ctx context.Context, p string, alone bool) error {
	for {
		ok, err := v.tryLock(p, alone)
		if ok || err != nil {
			return err
		}
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return fmt.Errorf("wait for another kasou at work in %s: %w", p, ctx.Err())
		}
	}
}

// tryLock takes a lock of the folder itself, so that no lock file litters the repo. It is
// not ok where another process has one. It opens the folder anew each time: the one of
// before may be gone.
func (v *View) tryLock(p string, alone bool) (ok bool, err error) {
	f, err := v.openFolder(p)
	if err == nil {
		v.lock, err = lock(f, alone)
	}
	return v.lock != nil, named(err, p)
}

// remove deletes the file, or the empty folder, at p. That there is none is not an error.
func (v *View) remove(p string) error {
	v.closeFolder(p)
	folder, err := v.folder(path.Dir(p))
	if err == nil {
		err = named(folder.Remove(path.Base(p)), p)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// removeEmpty removes dir and the folders above it while they are empty, up to and with
// the cluster's own, and returns the first that stays. What is elsewhere, such as root/,
// always stays: other clusters may be about to write there.
func (v *View) removeEmpty(dir, cluster string) (string, error) {
	for dir == cluster || strings.HasPrefix(dir, cluster+"/") {
		step("rmdir " + dir)
		err := v.remove(dir)
		if errors.Is(err, fs.ErrExist) { // also says: not empty
			return dir, nil
		}
		if err != nil {
			return dir, fmt.Errorf("remove folder: %w", err)
		}
		dir = path.Dir(dir)
	}
	return dir, nil
}
