// Package pin pins what a fleet is built from: each cluster's chart by its digest, with the
// schemas by which editors know the charts' values, and the sealing certificates.
package pin

import (
	"context"

	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// Charts pins each cluster's chart anew: whatever digest its source gives now goes into
// lock.yaml. It writes the schemas of the charts' values beside fleet.yaml, and enters all
// of it into the report. The error is the disk's, or the context's.
func Charts(ctx context.Context, w *workspace.Workspace, out *report.Report) error {
	charts := &inUse{}
	w.ForAll(ctx, out, w.Jobs, func(ctx context.Context, c fleet.Cluster) workspace.Outcome { return pinChart(ctx, w, c, charts) })
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return editorSchemas(ctx, w, out, charts)
}

// pinChart writes the chart's digest into one lock, and notes the chart.
func pinChart(ctx context.Context, w *workspace.Workspace, c fleet.Cluster, charts *inUse) workspace.Outcome {
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
