package tree

import (
	"path"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// deployedEnds are the ends of the file names that Argo CD's directory source
// reads, hidden files and links among them (manifestFile in
// reposerver/repository/repository.go of Argo CD 3.5).
var deployedEnds = []string{".yaml", ".yml", ".json", ".jsonnet"}

// Unknown returns an error finding for each file in the cluster's manifests
// folder, at any depth, that Argo CD would deploy and known does not name. The
// paths that known gets are from the repo's root.
func (d *Disk) Unknown(cluster string, known func(p string) bool) (finding.List, error) {
	v := d.visit()
	defer v.Close()
	return v.unknown(layout.Of(d.dir, cluster).Manifest(), cluster, known)
}

// UnknownShared is Unknown for a folder that belongs to no cluster, such as
// root; name is its name in the clusters folder.
func (d *Disk) UnknownShared(name string, known func(p string) bool) (finding.List, error) {
	v := d.visit()
	defer v.Close()
	return v.unknown(path.Join(d.dir, name), "", known)
}

// UnknownFile returns an error finding where the file p, from the repo's root,
// is there.
func (d *Disk) UnknownFile(cluster, p string) (finding.List, error) {
	v := d.visit()
	defer v.Close()
	there, err := v.there(p)
	if !there || err != nil {
		return nil, err
	}
	return finding.List{unknownFile(cluster, p)}, nil
}

func (v *visit) unknown(folder, cluster string, known func(p string) bool) (finding.List, error) {
	var found finding.List
	err := v.deployed(folder, func(at string) error {
		if !known(at) {
			found = append(found, unknownFile(cluster, at))
		}
		return nil
	})
	if obstacle := obstacleIn(err, cluster); obstacle != nil {
		return append(found, *obstacle), nil
	}
	return found, err
}

func unknownFile(cluster, at string) finding.Finding {
	return finding.Finding{
		File: at, Cluster: cluster, Rule: RuleUnknownFile, Severity: finding.Error,
		Message: "kasou did not write this file, and Argo CD would deploy it",
		Hint:    "Delete it. What belongs to a cluster beside its chart goes into clusters/NAME/extra/; anything else into an Application of its own, outside of the clusters folder.",
	}
}

// deployed calls visit for each file below the folder that Argo CD deploys.
func (v *visit) deployed(folder string, visit func(p string) error) error {
	return v.walk(folder, func(p string, e entry) error {
		if !slices.Contains(deployedEnds, path.Ext(e.name)) {
			return nil
		}
		return visit(p)
	})
}
