package pipelines

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// addCluster enters one cluster's outcome into the report.
func addCluster(out *report.Report, c fleet.Cluster, w written) {
	out.Findings = append(out.Findings, w.findings...)
	unfinished(out, c.Name, w.err)
	entry := report.Cluster{Name: c.Name, Status: report.Unchanged, Diff: w.diff}
	switch {
	case w.err != nil || w.cluster == "":
		entry.Status = report.Failed
	case w.plan.Empty() && w.findings.Failed():
		entry.Status = report.Failed
	case !w.plan.Empty():
		entry.Status, entry.Changes, entry.Reasons = report.Changed, changes(w.plan), w.reasons
	}
	out.Clusters = append(out.Clusters, entry)
}

func changes(p tree.Plan) []report.Change {
	var all []report.Change
	for _, c := range p.Changes {
		all = append(all, report.Change{Path: c.Path, Kind: string(c.Kind), Cause: string(c.Cause)})
	}
	return all
}

// sorted puts the report's parts into their order.
func sorted(r *report.Report) *report.Report {
	r.Findings.Sort()
	r.Findings = tree.OneCheckout(r.Findings)
	slices.SortFunc(r.Clusters, func(a, b report.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// fleetLock plans for the file that says with what the whole fleet is built.
func (r *run) fleetLock() (tree.Plan, finding.List, error) {
	schemas, err := conform.Versions(r.fleet.Spec.Host.KubernetesVersion)
	if err != nil {
		return tree.Plan{}, nil, err
	}
	return r.disk.CompareFleetLock(tree.FleetLock{Tools: r.Toolchain.Versions(), Schemas: schemas})
}

// writeFleetLock keeps fleet.lock.yaml true, once every cluster of the fleet
// was built: while one failed, the files on disk may be of another version.
func (r *run) writeFleetLock(ctx context.Context, out *report.Report) error {
	if !r.wholeFleet() || out.Failed() || len(out.Unfinished) > 0 {
		return nil
	}
	plan, found, err := r.fleetLock()
	out.Findings = append(out.Findings, found...)
	if err != nil || found.Failed() || plan.Empty() {
		return err
	}
	out.Fleet = changes(plan)
	if r.Diff {
		if out.FleetDiff, err = r.diff(plan); err != nil {
			return err
		}
	}
	if r.DryRun {
		return nil
	}
	return r.disk.Apply(ctx, plan)
}

// checkFleetLock adds to the report what is wrong with fleet.lock.yaml.
func (r *run) checkFleetLock(out *report.Report) error {
	if !r.wholeFleet() {
		return nil
	}
	plan, found, err := r.fleetLock()
	out.Findings = append(append(out.Findings, found...), plan.Findings()...)
	if err != nil || plan.Empty() {
		return err
	}
	out.Fleet = changes(plan)
	if r.Diff {
		out.FleetDiff, err = r.diff(plan)
	}
	return err
}
