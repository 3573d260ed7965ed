package tree

import (
	"path"

	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// Intact says whether every file that the lock of the cluster lists is there,
// with the content that the lock says. It reads them all: a time stamp proves
// nothing after a git checkout.
func (d *Disk) Intact(cluster string, lock lockfile.Lock) (bool, error) {
	if lock.Writing || len(lock.Files) == 0 || len(strays(&lock, cluster)) > 0 {
		return false, nil
	}
	v := d.visit()
	defer v.Close()
	for p, digest := range lock.Files {
		if data, ok := v.glimpse(p); ok && manifest.HasDigest(data, digest) {
			continue
		}
		if f, err := v.differs(cluster, path.Join(d.dir, p), digest); err != nil || f != nil {
			return false, err
		}
	}
	return true, nil
}
