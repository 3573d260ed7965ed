package fleetwide

import (
	"path"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/tree"
)

// Unknown returns a finding for each file in root/ that belongs neither to a
// cluster of the fleet nor to one of the removals, gone; said are the findings that
// there are. What stands in the place of
// a cluster's own files, the cluster's comparison judges. A submodule in the clusters
// folder is a finding, too: its files are not in the working copy unless somebody
// fetches them, and Argo CD does.
func (s Shared) Unknown(gone []tree.Plan, said finding.List) (finding.List, error) {
	if !s.WholeFleet() {
		return nil, nil
	}
	found, err := s.unknownInRoot(gone, said)
	if err != nil {
		return found, err
	}
	hidden, err := s.submodules()
	return append(found, hidden...), err
}

func (s Shared) unknownInRoot(gone []tree.Plan, said finding.List) (finding.List, error) {
	known := map[string]bool{}
	for _, c := range s.Fleet.Clusters {
		known[s.Paths(c.Name).Application()], known[s.Paths(c.Name).Registration()] = true, true
	}
	for _, plan := range gone {
		for _, change := range plan.Changes {
			known[change.Path] = true
		}
	}
	return tree.Unknown(s.Disk, "", path.Join(s.Dir, layout.Root), func(p string) bool {
		return known[p] || slices.ContainsFunc(said, func(f finding.Finding) bool { return f.File == p && f.Severity == finding.Error })
	})
}

// FailedOtherwise reports whether an error is about anything but a file that is
// not kasou's. Such a file fails the run, and keeps no cluster from being written.
func FailedOtherwise(findings finding.List) bool {
	return slices.ContainsFunc(findings, func(f finding.Finding) bool {
		return f.Severity == finding.Error && f.Rule != tree.RuleUnknownFile && f.Rule != tree.RuleSubmodule && f.Rule != tree.RuleOrphanEdited
	})
}
