package tree

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// Unknown gives a finding for each file in a cluster's manifests folder that
// its lock does not list. Argo CD deploys every file there, whoever wrote it. A
// cluster without a lock has none: nothing is kasou's yet.
func Unknown(root, dir, cluster string) (finding.List, error) {
	d, err := openDisk(root)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	lock, _, _, err := d.readLock(dir, cluster)
	if err != nil || lock == nil {
		return nil, err
	}
	var found finding.List
	err = d.walk(path.Join(dir, cluster, "manifests"), func(at string, entry fs.DirEntry) error {
		_, ours := lock.Files[strings.TrimPrefix(at, dir+"/")]
		if !ours && !isTemp(cluster, entry) && deployed(entry.Name()) {
			found = append(found, finding.Finding{
				File: at, Cluster: cluster, Rule: RuleUnknownFile, Severity: finding.Error,
				Message: "kasou did not write this file, and Argo CD deploys it",
				Hint:    "Delete it, or have it deployed by an Application of its own.",
			})
		}
		return nil
	})
	if obstacle := obstacleIn(err, cluster); obstacle != nil {
		return append(found, *obstacle), nil
	}
	return found, err
}

// deployed says whether Argo CD reads a file of that name as manifests.
func deployed(name string) bool {
	return slices.Contains([]string{".yaml", ".yml", ".json", ".jsonnet"}, path.Ext(name))
}
