package tree

import (
	"strings"

	"kasou/pipelines/finding"
)

// Unknown gives a finding for each file in a cluster's manifests folder that
// its lock does not list. Argo CD deploys every file there, whoever wrote it. A
// cluster without a lock has none: nothing is kasou's yet.
func (d *Disk) Unknown(cluster string) (finding.List, error) {
	v := d.visit()
	defer v.Close()
	lock, _, _, err := v.readLock(cluster)
	if err != nil || lock == nil {
		return nil, err
	}
	var found finding.List
	err = v.manifests(cluster, func(at string) error {
		if _, ours := lock.Files[strings.TrimPrefix(at, d.dir+"/")]; !ours {
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
