package fleetwide

import (
	"fmt"
	"path"
	"slices"

	"kasou/pipelines/conform"
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
	if err != nil {
		return nil, err
	}
	large, err := s.sizeOfRoot()
	return slices.Concat(found, hidden, large), err
}

// sizeOfRoot warns where root/ has nearly as much as Argo CD reads of one folder, which some
// thousand registered clusters have: with more it deploys no change of any cluster.
func (s Shared) sizeOfRoot() (finding.List, error) {
	const near = conform.MaxFolder / 10 * 9
	root := path.Join(s.Dir, layout.Root)
	large, err := tree.MoreThan(s.Disk, root, near)
	if err != nil || !large {
		return nil, err
	}
	return finding.List{s.Fleet.Finding(finding.Warning, conform.RuleFolderSize, []string{"spec", "argocd"},
		fmt.Sprintf("%s has more than %d bytes of manifests, and Argo CD reads %d of one folder: with more it deploys no change of any cluster", root, near, conform.MaxFolder), conform.FolderSizeHint)}, nil
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
