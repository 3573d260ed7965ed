package tree

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
)

// Intact says whether every file that the lock of the cluster lists is there,
// with the content that the lock says. It reads them all: a time stamp proves
// nothing after a git checkout.
func Intact(root, dir, cluster string, lock Lock) (bool, error) {
	if lock.Writing || len(lock.Files) == 0 || len(lock.strays(cluster)) > 0 {
		return false, nil
	}
	d, err := openDisk(root)
	if err != nil {
		return false, err
	}
	defer d.Close()
	folders := map[string]*disk{}
	defer func() {
		for _, folder := range folders {
			_ = folder.Close()
		}
	}()
	for _, p := range slices.Sorted(maps.Keys(lock.Files)) {
		data, err := d.readIn(folders, path.Join(dir, p))
		if errors.Is(err, fs.ErrNotExist) || obstacleIn(err, cluster) != nil {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		if Digest(data) != lock.Files[p] {
			return false, nil
		}
	}
	return true, nil
}

// readIn is read with every folder looked at and opened once: for the thousands
// of files of a fleet in which nothing has changed, walking to each from the
// repo's root is most of the work. The folders are the caller's to close.
func (d *disk) readIn(folders map[string]*disk, p string) ([]byte, error) {
	at := path.Dir(p)
	folder, ok := folders[at]
	if !ok {
		for _, dir := range append(parents(at), at) {
			if err := d.folder(dir); err != nil {
				return nil, err
			}
		}
		root, err := d.root.OpenRoot(at)
		if err != nil {
			return nil, err
		}
		folder = &disk{root: root}
		folders[at] = folder
	}
	return folder.read(path.Base(p))
}
