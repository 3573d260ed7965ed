package pipelines

import (
	"context"
	"slices"
	"sync"

	"kasou/pipelines/argocd"
	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// kindsOf gathers the kinds without a namespace that each cluster deploys.
type kindsOf struct {
	mu sync.Mutex
	by map[string][]string
}

func (k *kindsOf) put(cluster string, kinds []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil {
		k.by = map[string][]string{}
	}
	k.by[cluster] = kinds
}

// allKinds returns the kinds of every cluster of the fleet: of this run, or those
// in the lock of a cluster that this run did not build.
func (r *run) allKinds() (map[string][]string, error) {
	for _, c := range r.fleet.Clusters {
		if _, built := r.kinds.by[c.Name]; built {
			continue
		}
		lock, _, err := r.disk.ReadLock(c.Name) // a bad lock has its finding
		if err != nil {
			return nil, err
		}
		if lock != nil {
			r.kinds.put(c.Name, lock.ClusterScoped)
		}
	}
	return r.kinds.by, nil
}

// fleetPlan plans for what is one for the whole fleet: what Argo CD is begun
// with, and the file that says with what all was built. A run on some clusters
// leaves the versions in it as they are.
func (r *run) fleetPlan(ctx context.Context) (tree.Plan, finding.List, error) {
	kinds, err := r.allKinds()
	if err != nil {
		return tree.Plan{}, nil, err
	}
	files, err := argocd.Bootstrap(r.fleet, kinds)
	if err != nil {
		return tree.Plan{}, nil, err
	}
	lock := lockfile.FleetLock{Tools: r.Toolchain.Versions()}
	if lock.Schemas, err = conform.Versions(r.fleet.Spec.Host.KubernetesVersion); err != nil {
		return tree.Plan{}, nil, err
	}
	if !r.wholeFleet() {
		old, found, err := r.disk.ReadFleetLock()
		if err != nil || found.Failed() || old == nil {
			return tree.Plan{}, found, err
		}
		lock.Tools, lock.Schemas = old.Tools, old.Schemas
	}
	plan, found, err := r.disk.CompareFleet(lock, files)
	if err != nil {
		return plan, found, err
	}
	// What stands there already was validated when it was written, but a check says
	// so itself.
	if r.onlyLooks || !plan.Empty() {
		invalid, err := r.conform(ctx, fleet.Cluster{Spec: fleet.ClusterSpec{Namespace: r.fleet.Spec.ArgoCD.Namespace}}, manifest.ParseAll(manifest.Application, files))
		if err != nil || invalid.Failed() {
			return tree.Plan{}, invalid, err
		}
	}
	if found.Failed() {
		return plan, found, nil
	}
	unknown, err := r.disk.UnknownShared(layout.Bootstrap, func(p string) bool {
		return files[p] != nil || slices.ContainsFunc(plan.Changes, func(c tree.Change) bool { return c.Path == p })
	})
	return plan, append(found, unknown...), err
}

// writeFleet keeps what is one for the fleet true, once every cluster was built:
// while one failed, the files on disk may be of another version.
func (r *run) writeFleet(ctx context.Context, out *report.Report) error {
	if r.Shard.Index > 1 || failedOtherwise(out.Findings) || len(out.Unfinished) > 0 {
		return nil
	}
	plan, found, err := r.fleetPlan(ctx)
	out.Findings = append(append(out.Findings, found...), plan.HandEdits(finding.Warning)...)
	if err != nil || plan.Empty() {
		return err
	}
	out.Fleet = changes(plan)
	out.FleetDiff += r.diff(plan)
	if r.DryRun {
		return nil
	}
	return r.disk.Apply(ctx, plan)
}

// checkFleet adds to the report what is wrong with what is one for the fleet.
func (r *run) checkFleet(ctx context.Context, out *report.Report) error {
	if r.Shard.Index > 1 {
		return nil
	}
	plan, found, err := r.fleetPlan(ctx)
	out.Findings = append(append(out.Findings, found...), plan.Findings()...)
	if err != nil || plan.Empty() {
		return err
	}
	out.Fleet = changes(plan)
	out.FleetDiff += r.diff(plan)
	out.Findings.Sort()
	return err
}
