package tree

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"kasou/pipelines/finding"
)

// AgainstLock gives a finding for each file of the cluster that is not as its
// lock has it. It tells less than Compare, and needs no build: it is for a
// cluster that does not build today. A cluster without a lock has none.
func AgainstLock(root, dir, cluster string) (finding.List, error) {
	d, lock, err := openLocked(root, dir, cluster)
	if err != nil || lock == nil {
		return nil, err
	}
	defer d.Close()
	var found finding.List
	for _, name := range slices.Sorted(maps.Keys(lock.Files)) {
		f, err := d.differs(cluster, path.Join(dir, name), lock.Files[name])
		if err != nil {
			return found, err
		}
		if f != nil {
			found = append(found, *f)
		}
	}
	return found, nil
}

// openLocked opens the repo and reads the cluster's lock. The caller closes the
// disk. There is none where there is no lock, or none that can be read.
func openLocked(root, dir, cluster string) (*disk, *Lock, error) {
	d, err := openDisk(root)
	if err != nil {
		return nil, nil, err
	}
	lock, _, _, err := d.readLock(dir, cluster)
	if err != nil || lock == nil {
		_ = d.Close() // it was only read
		return nil, nil, err
	}
	return d, lock, nil
}

// differs gives a finding where the file is not there with the content of the
// digest.
func (d *disk) differs(cluster, file, digest string) (*finding.Finding, error) {
	p := Plan{Cluster: cluster}
	data, err := d.read(file)
	switch obstacle := obstacleIn(err, cluster); {
	case obstacle != nil:
		return obstacle, nil
	case errors.Is(err, fs.ErrNotExist):
		f := p.missing(file)
		return &f, nil
	case err != nil:
		return nil, err
	case Digest(data) != digest:
		f := p.finding(finding.Error, RuleHandEdit, file, editedMessage)
		return &f, nil
	}
	return nil, nil
}
