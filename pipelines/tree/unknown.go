package tree

import (
	"strings"

	"kasou/pipelines/finding"
)

// Unknown gives a finding for each file in a cluster's manifests folder that
// its lock does not list. Argo CD deploys every file there, whoever wrote it. A
// cluster without a lock has none: nothing is kasou's yet.
func Unknown(root, dir, cluster string) (finding.List, error) {
	d, lock, err := openLocked(root, dir, cluster)
	if err != nil || lock == nil {
		return nil, err
	}
	defer d.Close()
	var found finding.List
	err = d.manifests(dir, cluster, func(at string) error {
		if _, ours := lock.Files[strings.TrimPrefix(at, dir+"/")]; !ours {
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
