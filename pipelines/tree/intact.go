package tree

import (
	"maps"
	"path"
	"slices"
)

// Intact says whether every file that the lock of the cluster lists is there,
// with the content that the lock says. It reads them all: a time stamp proves
// nothing after a git checkout.
func (d *Disk) Intact(cluster string, lock Lock) (bool, error) {
	if lock.Writing || len(lock.Files) == 0 || len(lock.strays(cluster)) > 0 {
		return false, nil
	}
	v := d.visit()
	defer v.Close()
	for _, p := range slices.Sorted(maps.Keys(lock.Files)) {
		if f, err := v.differs(cluster, path.Join(d.dir, p), lock.Files[p]); err != nil || f != nil {
			return false, err
		}
	}
	return true, nil
}
