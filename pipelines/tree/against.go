package tree

import (
	"maps"
	"path"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree/disk"
)

// AgainstLock returns a finding for each file of the cluster that is not as its
// lock has it. It tells less than Compare, and needs no build: it is for a
// cluster that does not build today. A cluster without a lock has none.
func AgainstLock(d *disk.Disk, cluster string) (finding.List, error) {
	v := d.View()
	defer v.Close()
	lock, _, _, err := readLock(d, v, cluster, nil)
	if err != nil || lock == nil {
		return nil, err
	}
	var all finding.List
	for _, name := range slices.Sorted(maps.Keys(lock.Files)) {
		file, digest := path.Join(d.Dir(), name), lock.Files[name]
		data, err := v.Read(file)
		plain, converted := unconverted(data)
		found, p := obstacleIn(err, cluster), Plan{Cluster: cluster}
		switch {
		case found != nil:
			all = append(all, *found)
		case err != nil:
			return all, err
		case data == nil:
			all = append(all, p.missing(file))
		case manifest.HasDigest(data, digest):
		case converted && manifest.HasDigest(plain, digest):
			all = append(all, lineEnds(finding.Error, file, cluster))
		default:
			all = append(all, p.finding(finding.Error, RuleHandEdit, file, editedMessage))
		}
	}
	return all, nil
}

// Intact reports whether every file that the lock of the cluster lists is there,
// with the content that the lock says. It reads them all: a time stamp proves
// nothing after a git checkout.
func Intact(d *disk.Disk, cluster string, lock lockfile.Lock) (bool, error) {
	mine := func(p string) bool { return owned(cluster, p) }
	if lock.Writing || len(lock.Files) == 0 || len(strays(lock.Files, mine)) > 0 {
		return false, nil
	}
	v := d.View()
	defer v.Close()
	for p, digest := range lock.Files {
		data, err := v.Read(d.Dir() + "/" + p)
		if obstacleIn(err, cluster) != nil {
			return false, nil
		}
		if err != nil || data == nil || !manifest.HasDigest(data, digest) {
			return false, err
		}
	}
	return true, nil
}
