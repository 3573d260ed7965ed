package tree

import (
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
		if f, err := d.differs(cluster, path.Join(dir, p), lock.Files[p]); err != nil || f != nil {
			return false, err
		}
	}
	return true, nil
}
