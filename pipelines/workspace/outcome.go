package workspace

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"

	"kasou/pipelines/difference"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// Outcome is what a pipeline made of one cluster.
type Outcome struct {
	Cluster string
	Plan    tree.Plan
	// Diff shows the plan, where the run asks for that.
	Diff     string
	Reasons  []report.Reason
	Steps    []report.Transition
	Findings finding.List
	// Unknown are errors about files that are not kasou's. They fail the run and
	// keep nothing of kasou's from being written.
	Unknown finding.List
	// Err is why the cluster could not be finished.
	Err error
}

// Usable reports whether the plan may be applied.
func (o *Outcome) Usable() bool { return o.Err == nil && !o.Findings.Failed() }

// Count tells whoever watches the progress where a cluster failed.
func (w *Workspace) Count(o *Outcome) {
	if w.Failed != nil && (!o.Usable() || o.Unknown.Failed()) {
		w.Failed()
	}
}

// Keep takes what a stage found, and why it failed. It reports whether to go on.
func (o *Outcome) Keep(ctx context.Context, found finding.List, err error) bool {
	o.Findings, o.Err = append(o.Findings, found...), err
	return o.Usable() && ctx.Err() == nil
}

// Forget lets go of the plan's contents, which are on disk or shown: there may be
// thousands of clusters.
func (o *Outcome) Forget() {
	for i := range o.Plan.Changes {
		o.Plan.Changes[i].Old, o.Plan.Changes[i].New = nil, nil
	}
}

// ForAll does the work for every cluster, jobs at a time, and enters what comes
// of it into the report.
func (w *Workspace) ForAll(ctx context.Context, out *report.Report, jobs int, work func(context.Context, fleet.Cluster) Outcome) {
	counted := func(ctx context.Context, c fleet.Cluster) Outcome {
		o := work(ctx, c)
		w.Count(&o)
		return o
	}
	for i, o := range Each(ctx, jobs, w.Clusters, counted, w.Step(len(w.Clusters))) {
		AddCluster(out, w.Clusters[i], o)
	}
}

// Write applies a cluster's plan, and shows it where the run asks for that.
func (w *Workspace) Write(ctx context.Context, o *Outcome) {
	if w.Diff {
		o.Diff = w.Difference(o.Plan)
	}
	if !w.DryRun && o.Err == nil {
		o.Err = tree.Apply(ctx, w.Disk, o.Plan)
	}
}

// WriteFleet applies a plan that belongs to no cluster, and adds it to the report's,
// with the difference where show says so.
func (w *Workspace) WriteFleet(ctx context.Context, out *report.Report, p tree.Plan, show bool) error {
	out.Fleet = append(out.Fleet, Changes(p)...)
	if show {
		out.FleetDiff += w.Difference(p)
	}
	if w.DryRun {
		return nil
	}
	return tree.Apply(ctx, w.Disk, p)
}

// Rewrite writes edits of files that people wrote, by their paths from the repo's
// root, and shows them in the report.
func Rewrite(ctx context.Context, w *Workspace, out *report.Report, edits map[string]fleet.Edit) error {
	for _, file := range slices.Sorted(maps.Keys(edits)) {
		if err := w.WriteFleet(ctx, out, tree.Rewrite(file, edits[file].Old, edits[file].New), true); err != nil {
			return err
		}
	}
	return nil
}

// Difference returns what a plan changes as text, by meaning, or as it is where the run
// asks for that. Control characters are written out.
func (w *Workspace) Difference(p tree.Plan) string {
	if w.FullDiff {
		return difference.Visible(p.FullDiff())
	}
	return p.Diff()
}

// AddCluster enters one cluster's outcome into the report.
func AddCluster(out *report.Report, c fleet.Cluster, o Outcome) {
	out.Findings = append(append(out.Findings, o.Findings...), o.Unknown...)
	Unfinished(out, c.Name, o.Err)
	entry := report.Cluster{Name: c.Name, Status: report.Unchanged, Diff: o.Diff, Steps: o.Steps}
	switch {
	case o.Err != nil || o.Cluster == "":
		entry.Status = report.Failed
	case o.Plan.Empty() && (o.Findings.Failed() || o.Unknown.Failed()):
		entry.Status = report.Failed
	case !o.Plan.Empty():
		entry.Status, entry.Changes, entry.Reasons = report.Changed, Changes(o.Plan), o.Reasons
	}
	out.Clusters = append(out.Clusters, entry)
}

// Changes returns a plan's changes as a report has them.
func Changes(p tree.Plan) []report.Change {
	var all []report.Change
	for _, c := range p.Changes {
		all = append(all, report.Change{Path: c.Path, Kind: string(c.Kind), Cause: string(c.Cause)})
	}
	return all
}

// Sorted puts the report's parts into their order, and returns it.
func Sorted(r *report.Report) *report.Report {
	r.Findings.Sort()
	r.Findings = tree.OneCheckout(r.Findings)
	slices.SortFunc(r.Clusters, func(a, b report.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

// Unfinished notes in the report why a cluster could not be finished; empty for what
// belongs to none. No error is nothing, and an interrupt is no cluster's own.
func Unfinished(into *report.Report, cluster string, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	u := report.Unfinished{Cluster: cluster, Message: err.Error(), Hint: host.Hint(err)}
	if at := (*finding.PlacedError)(nil); errors.As(err, &at) {
		u.File, u.Line, u.Column, u.Hint = at.File, at.Line, at.Column, cmp.Or(at.Hint, u.Hint)
	}
	into.Unfinished = append(into.Unfinished, u)
}
