package retire

import (
	"context"
	"fmt"
	"slices"

	"kasou/pipelines/argocd"
	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/report"
	"kasou/pipelines/transition"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// Removals are the plans that take clusters away.
type Removals struct {
	// Fleet are those of the whole fleet: each shard has to know whether more than
	// one cluster would go.
	Fleet []tree.Plan
	// Own are those that this run applies.
	Own []Removal
	// Findings are about what belongs to no cluster's plan.
	Findings finding.List
	// Renamed are findings of clusters, of any shard, that took over the folder of
	// one of the orphans: with any, no cluster is to be removed. Building such a
	// cluster finds the same.
	Renamed finding.List
}

// Removal takes one cluster away, unless a finding stands in the way.
type Removal struct {
	tree.Plan
	// Found stands in the way of it, or is to be known.
	Found finding.List
}

// Plan returns what the retired and orphaned clusters leave behind. A run on
// named clusters leaves orphans alone.
func Plan(ctx context.Context, r *workspace.Workspace) (Removals, error) {
	var all Removals
	for _, name := range r.Retired {
		plan, found, err := tree.Retire(ctx, r.Disk, name)
		if err != nil {
			return all, err
		}
		all.add(r.Shard, Removal{plan, append(found, stillGuarded(r.Dir, plan)...)})
	}
	if len(r.Names) > 0 {
		return all, nil
	}
	orphans, found, err := tree.Orphans(r.Disk, func(cluster string) bool {
		_, known := r.Fleet.Cluster(cluster)
		return known
	})
	for _, plan := range orphans {
		all.add(r.Shard, Removal{plan, stillGuarded(r.Dir, plan)})
	}
	for _, f := range found {
		if r.Shard.Has(f.Cluster) {
			all.Findings = append(all.Findings, f)
		}
	}
	if err == nil && len(orphans) > 0 {
		all.Renamed, err = renamed(r)
	}
	if len(all.Renamed) > 0 {
		all.Own = nil
	}
	return all, err
}

// renamed finds the clusters of the fleet whose folder was another's.
func renamed(r *workspace.Workspace) (finding.List, error) {
	var all finding.List
	for i := range r.Fleet.Clusters {
		f, err := tree.Renamed(r.Disk, r.Fleet.Clusters[i].Name)
		if err != nil {
			return nil, err
		}
		if f != nil {
			all = append(all, *f)
		}
	}
	return all, nil
}

func (all *Removals) add(s workspace.Shard, one Removal) {
	all.Fleet = append(all.Fleet, one.Plan)
	if s.Has(one.Cluster) {
		all.Own = append(all.Own, one)
	}
}

// Remove takes a cluster away, and enters it into the report.
func Remove(ctx context.Context, r *workspace.Workspace, out *report.Report, one Removal) {
	out.Findings = append(out.Findings, one.Found...)
	if one.Found.Failed() {
		out.Clusters = append(out.Clusters, report.Cluster{Name: one.Cluster, Status: report.Failed})
		return
	}
	c := report.Cluster{Name: one.Cluster, Status: report.Removed, Changes: workspace.Changes(one.Plan),
		Reasons: []report.Reason{{Cause: report.RemovedByPerson}}}
	if r.Diff {
		c.Diff = r.Difference(one.Plan)
	}
	var err error
	if !r.DryRun {
		err = tree.Apply(ctx, r.Disk, one.Plan)
	}
	if err != nil {
		c.Status = report.Failed
		workspace.Unfinished(out, one.Cluster, err)
	}
	out.Clusters = append(out.Clusters, c)
}

// Steps returns what becomes of a cluster whose spec is gone. dir is the clusters
// folder.
func Steps(dir string, p tree.Plan) []report.Transition {
	for _, c := range p.Changes {
		if c.Path != layout.Of(dir, p.Cluster).Application() || c.Old == nil {
			continue
		}
		step := report.Transition{Effect: "leaves", Message: "its Application is pruned; the virtual cluster runs on"}
		deployed := argocd.Read(c.Old)
		if deployed.Cascade {
			step = report.Transition{Effect: transition.Lost.String(), Message: "its Application is pruned, and deletes the virtual cluster with its data"}
		}
		if deployed.Guarded {
			step = report.Transition{Effect: "leaves", Message: "its Application stays on the host, guarded: it was not retired"}
		}
		return []report.Transition{step}
	}
	return nil
}

// stillGuarded warns of clusters that leave git without having been retired: on
// the host they stay.
func stillGuarded(dir string, p tree.Plan) finding.List {
	application := layout.Of(dir, p.Cluster).Application()
	for _, c := range p.Changes {
		if c.Path == application && c.New == nil && argocd.Read(c.Old).Guarded {
			return finding.List{{
				File: application, Cluster: p.Cluster, Rule: RuleStillGuarded, Severity: finding.Warning,
				Message: fmt.Sprintf("cluster %s leaves git without having been retired: its Application%s on the host, guarded against the prune", p.Cluster, stays(dir, p)),
				Hint:    "To have Argo CD remove it, bring the spec back and run kasou retire " + p.Cluster + ".",
			}}
		}
	}
	return nil
}

func stays(dir string, p tree.Plan) string {
	registration := layout.Of(dir, p.Cluster).Registration()
	if slices.ContainsFunc(p.Changes, func(c tree.Change) bool { return c.Path == registration }) {
		return " and its cluster Secret stay"
	}
	return " stays"
}
