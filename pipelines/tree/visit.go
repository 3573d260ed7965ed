package tree

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"
)

// visit is one look at a cluster, or one writing of it. Each folder is looked at
// and opened once, and what is not there is asked for once: for the thousands
// of files of a fleet, walking to each from the top would be most of the work.
// It is for one goroutine.
type visit struct {
	disk *Disk
	// folders are those that are open, but the shared ones, by their path.
	folders map[string]*folder
	// absent are folders that are not there.
	absent map[string]bool
	// locked is the folder that is locked, also after it was removed.
	locked *folder
	// scratch is what look reads into.
	scratch []byte
}

func (d *Disk) visit() *visit {
	v := &visit{disk: d, folders: map[string]*folder{}, absent: map[string]bool{}}
	if b, ok := d.buffers.Get().(*[]byte); ok {
		v.scratch = *b
	} else {
		v.scratch = make([]byte, 8<<10)
	}
	return v
}

// Close lets go of what is open, and of the lock.
func (v *visit) Close() {
	v.release()
	if v.locked != nil {
		_ = v.locked.close()
	}
	buffer := v.scratch
	v.disk.buffers.Put(&buffer)
}

// release closes all folders but the one that is locked. They are opened again
// when they are needed: while a cluster waits for the disk, and many do, it
// holds one descriptor.
func (v *visit) release() {
	for p, f := range v.folders {
		if f != v.locked {
			delete(v.folders, p)
			_ = f.close() // it was only looked at
		}
	}
}

// at gives the folder p. The error is fs.ErrNotExist where it is not there, and
// an *obstacle where it, or one above it, is no real folder.
func (v *visit) at(p string) (*folder, error) {
	if f, ok := v.folders[p]; ok {
		return f, nil
	}
	if v.absent[p] {
		return nil, fs.ErrNotExist
	}
	if !fs.ValidPath(p) {
		return nil, &fs.PathError{Op: "open", Path: p, Err: fs.ErrInvalid}
	}
	if v.disk.shared(p) {
		return v.disk.keep(p)
	}
	parent, err := v.at(path.Dir(p))
	if err != nil {
		return nil, err
	}
	f, err := parent.sub(path.Base(p))
	if errors.Is(err, fs.ErrNotExist) {
		v.absent[p] = true
	}
	if err != nil {
		return nil, named(err, p, fs.ModeDir)
	}
	v.folders[p] = f
	return f, nil
}

// in calls do with the folder that p stands in, and p's name there.
func (v *visit) in(p string, do func(f *folder, name string) error) error {
	f, err := v.at(path.Dir(p))
	if err != nil {
		return err
	}
	return named(do(f, path.Base(p)), p, 0)
}

// there says whether anything stands at p.
func (v *visit) there(p string) (bool, error) {
	err := v.in(p, func(f *folder, name string) error {
		_, err := f.kind(name)
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// look gives the content of the regular file at p, never nil, until the next
// look. The error is fs.ErrNotExist for no file, and an *obstacle for anything
// but a regular file reached through real folders.
func (v *visit) look(p string) (data []byte, err error) {
	f, err := v.at(path.Dir(p))
	if err != nil {
		return nil, err
	}
	if data, err = f.read(path.Base(p), v.scratch[:0]); err != nil {
		return nil, named(err, p, 0)
	}
	if cap(data) > cap(v.scratch) {
		v.scratch = data
	}
	return data, nil
}

// glimpse gives the content of the regular file at p, a path from the clusters
// folder, until the next look, and opens no folder on the way. It is not ok where
// the system cannot do that without following links, and where anything is in the
// way: then look says what.
func (v *visit) glimpse(p string) (data []byte, ok bool) {
	f, err := v.at(v.disk.dir)
	if err != nil {
		return nil, false
	}
	if data, err = f.readBelow(p, v.scratch[:0]); err != nil {
		return nil, false
	}
	if cap(data) > cap(v.scratch) {
		v.scratch = data
	}
	return data, true
}

// lookMaybe is look with nil for no file.
func (v *visit) lookMaybe(p string) ([]byte, error) {
	data, err := v.look(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}

// readMaybe is lookMaybe with a content of its own.
func (v *visit) readMaybe(p string) ([]byte, error) {
	data, err := v.lookMaybe(p)
	return bytes.Clone(data), err
}

// mkdir makes one folder.
func (v *visit) mkdir(p string) error {
	delete(v.absent, p)
	if v.disk.shared(p) {
		return named(v.disk.make(p), p, fs.ModeDir)
	}
	return v.in(p, func(f *folder, name string) error {
		made, err := f.mkdir(name)
		if err == nil {
			v.folders[p] = made
		}
		return err
	})
}

// rename moves a file within its folder.
func (v *visit) rename(from, to string) error {
	return v.in(from, func(f *folder, name string) error { return f.rename(name, path.Base(to)) })
}

// remove deletes a file.
func (v *visit) remove(p string) error {
	return v.in(p, func(f *folder, name string) error { return f.remove(name) })
}

// rmdir deletes an empty folder.
func (v *visit) rmdir(p string) error {
	err := v.in(p, func(f *folder, name string) error { return f.rmdir(name) })
	if err != nil {
		return err
	}
	if f := v.folders[p]; f != nil && f != v.locked {
		_ = f.close() // it is gone
	}
	delete(v.folders, p)
	return nil
}

// list gives what is in the folder p, sorted; nothing where it is not there.
func (v *visit) list(p string) ([]entry, error) {
	f, err := v.at(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	entries, err := f.list()
	return entries, named(err, p, fs.ModeDir)
}

// walk calls visit for each file below the folder p that is no folder itself;
// for none where p is not there.
func (v *visit) walk(p string, visit func(p string, entry entry) error) error {
	entries, err := v.list(p)
	if err != nil {
		return err
	}
	for _, e := range entries {
		at := path.Join(p, e.name)
		if e.kind.IsDir() {
			err = v.walk(at, visit)
		} else {
			err = visit(at, e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// entry is a name in a folder.
type entry struct {
	name string
	kind fs.FileMode
}

const lockPoll = 20 * time.Millisecond

// tryLock takes a lock of the folder itself, so that no lock file litters the repo:
// for itself alone, or together with others who only read. It holds until the visit
// ends. It is not ok where another process has one.
func (v *visit) tryLock(p string, alone bool) (ok bool, err error) {
	f, err := v.at(p)
	if err == nil && v.disk.shared(p) {
		f, err = f.sub(".") // a lock goes with the one descriptor
	}
	if err != nil {
		return false, err
	}
	v.locked = f
	return f.lock(alone)
}

// lock waits until tryLock is ok.
func (v *visit) lock(ctx context.Context, p string, alone bool) error {
	ok, err := v.tryLock(p, alone)
	if v.locked == nil {
		return err
	}
	for ; !ok && err == nil; ok, err = v.locked.lock(alone) {
		select {
		case <-time.After(lockPoll):
		case <-ctx.Done():
			return fmt.Errorf("wait for another kasou at work in %s: %w", p, ctx.Err())
		}
	}
	if err != nil {
		return fmt.Errorf("wait for another kasou at work in %s: %w", p, err)
	}
	return nil
}

// lockToRead is lock for a look at the cluster's files, where its folder is
// there at all.
func (v *visit) lockToRead(ctx context.Context, p Plan) error {
	err := v.lock(ctx, p.folder(), false)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
