package pipelines

import (
	"context"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/report"
)

// repairDrift builds where a row says that this helps, and looks again. What
// is gone then stays in the report, as repaired.
func repairDrift(ctx context.Context, o Options, d DriftOptions) (*report.Report, error) {
	d.Repair = false
	before, err := Drift(ctx, o, d)
	if err != nil || !slices.ContainsFunc(before.Drift, byBuild) {
		return before, err
	}
	o.DryRun, o.Diff = false, true
	built, err := Build(ctx, o)
	if err != nil {
		return built, err
	}
	after, err := Drift(ctx, o, d)
	if err != nil {
		return after, err
	}
	for _, row := range before.Drift {
		if byBuild(row) && !slices.ContainsFunc(after.Drift, func(other report.Row) bool { return sameRow(row, other) }) {
			row.Repaired, row.Severity = true, finding.Note
			after.Drift = append(after.Drift, row)
			after.Findings = append(after.Findings, row.Finding)
		}
	}
	for _, f := range built.Findings {
		if f.Severity == finding.Error && !slices.Contains(after.Findings, f) {
			after.Findings = append(after.Findings, f)
		}
	}
	for _, c := range built.Clusters {
		keepWritten(after, c)
	}
	after.Fleet, after.FleetDiff = built.Fleet, built.FleetDiff
	report.SortRows(after.Drift)
	return sorted(after), nil
}

func byBuild(r report.Row) bool { return r.Repair == report.ByBuild && r.Drifted() }

func sameRow(a, b report.Row) bool {
	return a.Cluster == b.Cluster && a.Rule == b.Rule && a.File == b.File && a.Message == b.Message
}

// keepWritten puts what a build wrote for a cluster into the report.
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
	entry.Changes, entry.Reasons, entry.Diff = c.Changes, c.Reasons, c.Diff
	if entry.Status == report.Unchanged {
		entry.Status = c.Status
	}
}
