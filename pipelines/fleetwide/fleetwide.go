// Package fleetwide keeps what is one for the whole fleet: what Argo CD is begun with, the
// versions of what all was built with, and the files in root/ that are nobody's.
package fleetwide

import (
	"context"
	"path"
	"slices"

	"kasou/pipelines/argocd"
	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// Shared is what is one for the whole fleet.
type Shared struct {
	*workspace.Workspace
	// Kinds returns the kinds without a namespace that each cluster deploys.
	Kinds func() (map[string][]string, error)
}

// Plan plans for what is one for the whole fleet: what Argo CD is begun
// with, and the file that says with what all was built. A run on some clusters
// leaves the versions in it as they are.
func (s Shared) Plan(ctx context.Context) (tree.Plan, finding.List, error) {
	kinds, err := s.Kinds()
	if err != nil {
		return tree.Plan{}, nil, err
	}
	files, err := argocd.Bootstrap(s.Fleet, kinds)
	if err != nil {
		return tree.Plan{}, nil, err
	}
	lock := lockfile.FleetLock{Tools: s.Toolchain.Versions(s.Fleet.Spec.Helm)}
	if lock.Schemas, err = conform.Versions(s.Fleet.Spec.KubernetesVersions()...); err != nil {
		return tree.Plan{}, nil, err
	}
	if !s.WholeFleet() {
		old, found, err := tree.ReadFleetLock(s.Disk)
		if err != nil || found.Failed() || old == nil {
			return tree.Plan{}, found, err
		}
		lock.Tools, lock.Schemas = old.Tools, old.Schemas
	}
	plan, found, err := tree.CompareFleet(s.Disk, lock, files)
	if err != nil {
		return plan, found, err
	}
	// What stands there already was validated when it was written, but a check says
	// so itself.
	if s.OnlyLooks || !plan.Empty() {
		invalid, err := s.Conform(ctx, fleet.Cluster{Spec: fleet.ClusterSpec{Namespace: s.Fleet.Spec.ArgoCD.Namespace, Host: s.Fleet.Spec.HostNames()[0]}}, manifest.ParseAll(manifest.Application, files))
		if err != nil || invalid.Failed() {
			return tree.Plan{}, invalid, err
		}
	}
	if found.Failed() {
		return plan, found, nil
	}
	unknown, err := tree.Unknown(s.Disk, "", path.Join(s.Dir, layout.Bootstrap), func(p string) bool {
		return files[p] != nil || slices.ContainsFunc(plan.Changes, func(c tree.Change) bool { return c.Path == p })
	})
	return plan, append(found, unknown...), err
}

// Write keeps what is one for the fleet true, once every cluster was built:
// while one failed, the files on disk may be of another version.
func (s Shared) Write(ctx context.Context, out *report.Report) error {
	if s.Shard.Index > 1 || FailedOtherwise(out.Findings) || len(out.Unfinished) > 0 {
		return nil
	}
	plan, found, err := s.Plan(ctx)
	out.Findings = append(append(out.Findings, found...), plan.HandEdits(finding.Warning)...)
	if err != nil || plan.Empty() {
		return err
	}
	return s.WriteFleet(ctx, out, plan, s.Diff)
}

// Check adds to the report what is wrong with what is one for the fleet.
func (s Shared) Check(ctx context.Context, out *report.Report) error {
	if s.Shard.Index > 1 {
		return nil
	}
	plan, found, err := s.Plan(ctx)
	out.Findings = append(append(out.Findings, found...), plan.Findings()...)
	if err != nil || plan.Empty() {
		return err
	}
	return s.WriteFleet(ctx, out, plan, s.Diff) // a check is a dry run
}
