package drift

import (
	"context"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// repair runs the pipelines that the rows ask for, and looks again. What
// is gone then stays in the report, as repaired.
func repair(ctx context.Context, o workspace.Options, d Options) (*report.Report, error) {
	before, err := look(ctx, o, d)
	if err != nil {
		return before, err
	}
	repairs := repairsFor(before, d)
	if len(repairs) == 0 {
		return before, nil
	}
	write := d.Write
	if write == nil {
		write = func(ctx context.Context, o workspace.Options, repair workspace.Pipeline) (*report.Report, error) {
			return repair(ctx, o)
		}
	}
	var done []*report.Report
	for _, repair := range repairs {
		o.DryRun, o.Diff = false, true
		r, err := write(ctx, o, repair)
		if err != nil {
			return r, err
		}
		done = append(done, r)
	}
	after, err := look(ctx, o, d)
	if err != nil {
		return after, err
	}
	for _, row := range before.Drift {
		if repairable(row, d) && !slices.ContainsFunc(after.Drift, func(other report.Row) bool { return sameRow(row, other) }) {
			row.Repaired, row.Severity = true, finding.Note
			row.Line, row.Column = 0, 0 // the place is another now
			after.Drift = append(after.Drift, row)
			after.Findings = append(after.Findings, row.Finding)
		}
	}
	for _, r := range done {
		keepRepair(after, r)
	}
	report.SortRows(after.Drift)
	return workspace.Sorted(after), nil
}

// repairsFor returns the pipelines that make rows true again.
func repairsFor(r *report.Report, d Options) []workspace.Pipeline {
	var repairs []workspace.Pipeline
	var unregistered, unbuilt []string
	build, whole := false, false
	for _, row := range r.Drift {
		switch {
		case !repairable(row, d):
		case row.Repair == report.ByBuild:
			build, unbuilt = true, append(unbuilt, row.Cluster)
			whole = whole || row.Cluster == "" || row.Rule == tree.RuleRetired || row.Rule == tree.RuleOrphan
		case !slices.Contains(unregistered, row.Cluster):
			unregistered = append(unregistered, row.Cluster)
		}
	}
	if build {
		repairs = append(repairs, func(ctx context.Context, o workspace.Options) (*report.Report, error) {
			if !whole {
				// One that a person must mend keeps no other from being published.
				o.Names, o.Shard = unbuilt, workspace.Shard{}
			}
			return d.Build(ctx, o)
		})
	}
	if len(unregistered) > 0 {
		repairs = append(repairs, func(ctx context.Context, o workspace.Options) (*report.Report, error) {
			o.Names, o.Shard = unregistered, workspace.Shard{}
			return d.Register(ctx, o, register.Source{})
		})
	}
	return repairs
}

// repairable reports whether a pipeline makes the row true again without a person
// who asked why. A registration takes the host.
func repairable(r report.Row, d Options) bool {
	return r.Drifted() && (r.Repair == report.ByBuild || r.Repair == report.ByRegister && d.Live && r.Cluster != "")
}

func sameRow(a, b report.Row) bool {
	return a.Cluster == b.Cluster && a.Rule == b.Rule && a.File == b.File && a.Message == b.Message
}

// keepRepair puts what a repair found and wrote into the report.
func keepRepair(into, repair *report.Report) {
	for _, f := range repair.Findings {
		if f.Severity == finding.Error && !slices.Contains(into.Findings, f) {
			into.Findings = append(into.Findings, f)
		}
	}
	for _, u := range repair.Unfinished {
		if !slices.Contains(into.Unfinished, u) {
			into.Unfinished = append(into.Unfinished, u)
		}
	}
	for _, c := range repair.Clusters {
		keepWritten(into, c)
	}
	if len(repair.Fleet) > 0 {
		into.Fleet, into.FleetDiff = repair.Fleet, repair.FleetDiff
	}
}

// keepWritten puts what was written for a cluster into the report.
func keepWritten(into *report.Report, c report.Cluster) {
	if c.Status != report.Changed && c.Status != report.Removed {
		return
	}
	i := slices.IndexFunc(into.Clusters, func(other report.Cluster) bool { return other.Name == c.Name })
	if i < 0 {
		into.Clusters = append(into.Clusters, c)
		return
	}
	entry := &into.Clusters[i]
	entry.Changes, entry.Reasons, entry.Diff = append(entry.Changes, c.Changes...), append(entry.Reasons, c.Reasons...), entry.Diff+c.Diff
	if entry.Status == report.Unchanged {
		entry.Status = c.Status
	}
}
