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
	for _, p := range slices.Sorted(maps.Keys(lock.Files)) {
		data, err := d.read(path.Join(dir, p))
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
