package pipelines

import (
	"path"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/tree"
)

// closedCluster returns a finding for each file of the cluster that Argo CD
// would deploy and kasou does not vouch for: in its manifests folder, and in
// place of its registration. o is what the stages gave, and lock the lock on
// disk, nil where there is none.
func (r *run) closedCluster(c fleet.Cluster, lock *lockfile.Lock, o outcome) (finding.List, error) {
	known := map[string]bool{}
	if lock != nil {
		for p := range lock.Files {
			known[path.Join(r.Dir, p)] = true
		}
	}
	for _, change := range o.plan.Changes {
		known[change.Path] = known[change.Path] || change.New != nil
	}
	for _, f := range o.findings {
		known[f.File] = known[f.File] || f.Severity == finding.Error // it has its finding
	}
	found, err := r.disk.Unknown(c.Name, func(p string) bool { return known[p] })
	if err != nil || known[r.registration(c.Name)] {
		return found, err
	}
	more, err := r.disk.UnknownFile(c.Name, r.registration(c.Name))
	return append(found, more...), err
}

// closedRoot returns a finding for each file in root/ that belongs neither to a
// cluster of the fleet nor to one of the removals. What stands in the place of
// a cluster's own files, the cluster's comparison judges.
func (r *run) closedRoot(gone removals, said finding.List) (finding.List, error) {
	if !r.wholeFleet() {
		return nil, nil
	}
	known := map[string]bool{}
	for _, c := range r.fleet.Clusters {
		known[r.application(c.Name)], known[r.registration(c.Name)] = true, true
	}
	for _, plan := range gone.fleet {
		for _, change := range plan.Changes {
			known[change.Path] = true
		}
	}
	return r.disk.UnknownShared(layout.Root, func(p string) bool {
		return known[p] || slices.ContainsFunc(said, func(f finding.Finding) bool { return f.File == p && f.Severity == finding.Error })
	})
}

// failedOtherwise reports whether an error is about anything but a file that is
// not kasou's. Such a file fails the run, and keeps no cluster from being written.
func failedOtherwise(findings finding.List) bool {
	return slices.ContainsFunc(findings, func(f finding.Finding) bool {
		return f.Severity == finding.Error && f.Rule != tree.RuleUnknownFile && f.Rule != tree.RuleOrphanEdited
	})
}
