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
	d, err := openDisk(root)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	lock, _, _, err := d.readLock(dir, cluster)
	if err != nil || lock == nil {
		return nil, err
	}
	p := Plan{Cluster: cluster}
	var found finding.List
	for _, name := range slices.Sorted(maps.Keys(lock.Files)) {
		file := path.Join(dir, name)
		data, err := d.read(file)
		switch obstacle := obstacleIn(err, cluster); {
		case obstacle != nil:
			found = append(found, *obstacle)
		case errors.Is(err, fs.ErrNotExist):
			found = append(found, p.finding(finding.Error, RuleMissing, file, "kasou wrote this file, and it is gone"))
		case err != nil:
			return found, err
		case Digest(data) != lock.Files[name]:
			found = append(found, p.finding(finding.Error, RuleHandEdit, file, "edited since kasou wrote it"))
		}
	}
	return found, nil
}
