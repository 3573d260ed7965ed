package tree

import (
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// AgainstLock gives a finding for each file of the cluster that is not as its
// lock has it. It tells less than Compare, and needs no build: it is for a
// cluster that does not build today. A cluster without a lock has none.
func (d *Disk) AgainstLock(cluster string) (finding.List, error) {
	v := d.visit()
	defer v.Close()
	lock, _, _, err := v.readLock(cluster, nil)
	if err != nil || lock == nil {
		return nil, err
	}
	var found finding.List
	for _, name := range slices.Sorted(maps.Keys(lock.Files)) {
		f, err := v.differs(cluster, path.Join(d.dir, name), lock.Files[name])
		if err != nil {
			return found, err
		}
		if f != nil {
			found = append(found, *f)
		}
	}
	return found, nil
}

// differs gives a finding where the file is not there with the content of the
// digest.
func (v *visit) differs(cluster, file, digest string) (*finding.Finding, error) {
	p := Plan{Cluster: cluster}
	data, err := v.look(file)
	switch obstacle := obstacleIn(err, cluster); {
	case obstacle != nil:
		return obstacle, nil
	case errors.Is(err, fs.ErrNotExist):
		f := p.missing(file)
		return &f, nil
	case err != nil:
		return nil, err
	case !manifest.HasDigest(data, digest):
		if plain, converted := unconverted(data); converted && manifest.HasDigest(plain, digest) {
			f := lineEnds(finding.Error, file, cluster)
			return &f, nil
		}
		f := p.finding(finding.Error, RuleHandEdit, file, editedMessage)
		return &f, nil
	}
	return nil, nil
}
