package pipelines

import (
	"context"

	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/upgrade"
	"kasou/pipelines/workspace"
)

// Lock pins each cluster's chart anew: whatever digest its source gives now
// goes into lock.yaml. It writes the schemas by which editors know the charts' values.
// With hop it first makes the next hop, as Upgrade does. With DryRun it says what it
// would do.
func Lock(ctx context.Context, o Options, hop bool) (*report.Report, error) {
	out := &report.Report{Command: "lock", DryRun: o.DryRun}
	if err := workspace.Sweep(ctx, &o); err != nil {
		return nil, err
	}
	r, err := open(o, out)
	if err != nil || r == nil {
		return workspace.Sorted(out), err
	}
	defer r.Close()
	if hop {
		err := upgrade.Move(ctx, r, out, upgrade.Options{})
		if err != nil || out.Findings.Failed() || len(out.Unfinished) > 0 || o.DryRun {
			return workspace.Sorted(out), err
		}
		r, err = open(o, out)
		if err != nil || r == nil {
			return workspace.Sorted(out), err
		}
		defer r.Close()
	}
	charts := &chartsInUse{}
	r.ForAll(ctx, out, o.Jobs, func(ctx context.Context, c fleet.Cluster) workspace.Outcome { return pin(ctx, r, c, charts) })
	if ctx.Err() != nil {
		return workspace.Sorted(out), ctx.Err()
	}
	err = editorSchemas(ctx, r, out, charts)
	return workspace.Sorted(out), err
}

// pin writes the chart's digest into one lock, and notes the chart.
func pin(ctx context.Context, w *workspace.Workspace, c fleet.Cluster, charts *chartsInUse) workspace.Outcome {
	o := workspace.Outcome{Cluster: c.Name}
	ch, pin, found, err := w.Charts.Fetch(ctx, c, nil)
	if !o.Keep(ctx, found, err) {
		return o
	}
	charts.put(c.Name, ch)
	o.Plan, found, err = tree.Repin(ctx, w.Disk, c.Name, pin)
	if o.Keep(ctx, found, err) && !o.Plan.Empty() {
		w.Write(ctx, &o)
	}
	return o
}
