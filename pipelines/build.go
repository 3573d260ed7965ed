package pipelines

import (
	"context"
	"slices"

	"kasou/pipelines/baseline"
	"kasou/pipelines/cluster"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleetwide"
	"kasou/pipelines/report"
	"kasou/pipelines/retire"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// Build runs all stages and writes the tree, each cluster whole or not at all.
// With DryRun it writes nothing and the report says what it would. A spec or
// fleet file that does not check, or a removal that nobody asked for, stops it
// before anything is written.
func Build(ctx context.Context, o Options) (*report.Report, error) {
	return buildBy(ctx, o, func(context.Context, *workspace.Workspace) (writer, error) {
		return func(ctx context.Context, b *cluster.Builder, out *report.Report) error { return b.Build(ctx, out) }, nil
	})
}

// writer writes the clusters of a build, and enters them into the report.
type writer func(ctx context.Context, b *cluster.Builder, out *report.Report) error

// buildBy is Build with the clusters written by what begin returns. It is called before
// anything is looked at beside the specs, and its error ends the build.
func buildBy(ctx context.Context, o Options, begin func(context.Context, *workspace.Workspace) (writer, error)) (*report.Report, error) {
	if err := workspace.Sweep(ctx, &o); err != nil {
		return nil, err
	}
	// Most builds have nothing to do, and the cache soon says so. What is to be done, and what
	// is wrong, comes from the files alone.
	idle := o
	idle.Idle = !o.DryRun && !o.NoCache
	out := &report.Report{Command: "build", DryRun: o.DryRun}
	if w, err := workspace.Start(ctx, idle, out); err == nil && w != nil {
		found, err := buildIn(ctx, w, out, begin)
		if !w.Fleet.Cached || err == nil && nothingDone(found) {
			return found, err
		}
	} else if !idle.Idle {
		return workspace.Sorted(out), err
	}
	out = &report.Report{Command: "build", DryRun: o.DryRun}
	w, err := workspace.Start(ctx, o, out)
	if err != nil || w == nil {
		return workspace.Sorted(out), err
	}
	return buildIn(ctx, w, out, begin)
}

// nothingDone reports whether a build has found everything as it is to be.
func nothingDone(out *report.Report) bool {
	return out.Count(report.Unchanged) == len(out.Clusters) && len(out.Fleet)+len(out.Unfinished) == 0 && !out.Findings.Failed()
}

// buildIn is buildBy in a workspace, which it closes.
func buildIn(ctx context.Context, w *workspace.Workspace, out *report.Report, begin func(context.Context, *workspace.Workspace) (writer, error)) (*report.Report, error) {
	defer w.Close()
	write, err := begin(ctx, w)
	if err != nil {
		return nil, err
	}
	b := cluster.New(w, func(p tree.Plan) finding.List { return p.HandEdits(finding.Warning) })
	shared := fleetwide.Shared{Workspace: w, Kinds: b.Kinds}
	gone, err := retire.Plan(ctx, w)
	if err != nil {
		return nil, err
	}
	out.Findings = append(append(out.Findings, gone.Findings...), gone.Renamed...)
	out.Findings = append(out.Findings, tree.GuardPrune(gone.Fleet, w.AllowPrune)...)
	if fleetwide.FailedOtherwise(out.Findings) {
		return workspace.Sorted(out), nil
	}
	unknown, err := shared.Unknown(gone.Fleet, out.Findings)
	if err != nil {
		return nil, err
	}
	out.Findings = append(out.Findings, unknown...)
	if err := write(ctx, b, out); err != nil {
		return nil, err
	}
	if b.Refused() && !w.DryRun {
		return workspace.Sorted(out), ctx.Err()
	}
	for _, one := range gone.Own {
		retire.Remove(ctx, w, out, one)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = shared.Write(ctx, out)
	return finished(b, out), err
}

// Check runs all stages in memory. The report has an error, and the difference
// where Diff asks for it, for everything on disk that is not as Build would
// write it.
func Check(ctx context.Context, o Options) (*report.Report, error) {
	// What a check says rests on nothing that a run before it left.
	o.DryRun, o.NoCache = true, true
	out := &report.Report{Command: "check"}
	w, err := workspace.Start(ctx, o, out)
	if err != nil || w == nil {
		return workspace.Sorted(out), err
	}
	defer w.Close()
	w.OnlyLooks = true
	b := cluster.New(w, tree.Plan.Findings)
	shared := fleetwide.Shared{Workspace: w, Kinds: b.Kinds}
	if err := b.Build(ctx, out); err != nil {
		return nil, err
	}
	gone, err := retire.Plan(ctx, w)
	if err != nil {
		return nil, err
	}
	out.Findings = append(out.Findings, gone.Findings...)
	unknown, err := shared.Unknown(gone.Fleet, out.Findings)
	if err != nil {
		return nil, err
	}
	out.Findings = append(out.Findings, unknown...)
	for _, one := range gone.Own {
		out.Findings = append(out.Findings, one.Findings()...)
		retire.Remove(ctx, w, out, one)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = shared.Check(ctx, out)
	return finished(b, out), err
}

// finished ends the report of a build or a check.
func finished(b *cluster.Builder, out *report.Report) *report.Report {
	if b.MetSealed() {
		out.Findings = append(out.Findings, b.Trust.Unproven()...)
	}
	return silenced(b.Workspace, out)
}

// Plan says what the change from what is committed to what the specs want does to
// each cluster that runs, and writes nothing. The report has the steps of each
// cluster, the worst first.
func Plan(ctx context.Context, o Options) (*report.Report, error) {
	o.DryRun, o.NoCache, o.Diff, o.MustCompare = true, true, false, true
	out := &report.Report{Command: "plan"}
	w, err := workspace.Start(ctx, o, out)
	if err != nil || w == nil {
		return workspace.Sorted(out), err
	}
	defer w.Close()
	w.OnlyLooks = true
	b := cluster.New(w, func(tree.Plan) finding.List { return nil })
	if err := b.Build(ctx, out); err != nil {
		return nil, err
	}
	known := func(f finding.Finding) bool { return f.Rule == baseline.RuleBaseUnknown }
	if !b.HasBaseline() && !slices.ContainsFunc(out.Findings, known) {
		out.Findings = append(out.Findings, w.Fleet.Finding(finding.Warning, baseline.RuleBaseUnknown, nil,
			"what the change does to clusters that run is not known: nothing is committed here to compare with",
			"Commit what runs first, or name a checkout of it with --against-folder."))
	}
	gone, err := retire.Plan(ctx, w)
	if err != nil {
		return nil, err
	}
	for _, one := range gone.Own {
		out.Clusters = append(out.Clusters, report.Cluster{Name: one.Cluster, Status: report.Removed, Steps: retire.Steps(w.Dir, one.Plan)})
	}
	silence(w, out)
	return workspace.Sorted(out), ctx.Err()
}
