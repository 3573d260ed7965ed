package pipelines

import (
	"context"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
)

const (
	// RuleNewerChart: the chart's source has newer versions.
	RuleNewerChart finding.Rule = "lock-newer-chart"
	// RuleVersionByHand: a version stands where kasou cannot change it.
	RuleVersionByHand finding.Rule = "lock-version-by-hand"
)

// Lock pins each cluster's chart anew: whatever digest its source gives now
// goes into lock.yaml. With upgrade it first makes the next hop, as Upgrade does.
// With DryRun it says what it would do.
func Lock(ctx context.Context, o Options, upgrade bool) (*report.Report, error) {
	out := &report.Report{Command: "lock", DryRun: o.DryRun}
	if err := o.sweep(ctx); err != nil {
		return nil, err
	}
	r, findings, err := choose(o)
	out.Findings = findings
	if err != nil || r == nil {
		return sorted(out), err
	}
	defer r.close()
	if upgrade {
		err := r.moveCharts(ctx, out, UpgradeOptions{})
		if err != nil || out.Findings.Failed() || len(out.Unfinished) > 0 || o.DryRun {
			return sorted(out), err
		}
		r, findings, err = choose(o)
		out.Findings = append(out.Findings, findings...)
		if err != nil || r == nil {
			return sorted(out), err
		}
		defer r.close()
	}
	r.forAll(ctx, out, o.Jobs, r.pin)
	return sorted(out), ctx.Err()
}

// pin writes the chart's digest into one lock.
func (r *run) pin(ctx context.Context, c fleet.Cluster) written {
	w := written{outcome: outcome{cluster: c.Name}}
	_, pin, found, err := r.Charts.Fetch(ctx, c, nil)
	w.findings, w.err = found, err
	if !w.usable() {
		return w
	}
	w.plan, found, w.err = r.disk.Repin(ctx, c.Name, pin)
	w.findings = append(w.findings, found...)
	if w.usable() && !w.plan.Empty() {
		r.write(ctx, &w)
	}
	return w
}

// write applies a cluster's plan, and shows it where the run asks for that.
func (r *run) write(ctx context.Context, w *written) {
	w.diff = r.diff(w.plan)
	if !r.DryRun && w.err == nil {
		w.err = r.disk.Apply(ctx, w.plan)
	}
}

// rewrite writes edits of files that people wrote, and shows them.
func (r *run) rewrite(ctx context.Context, out *report.Report, edits map[string]fleet.Edit) error {
	for _, file := range sortedKeys(edits) {
		edit := edits[file]
		plan := r.disk.Rewrite(file, edit.Old, edit.New)
		out.Fleet = append(out.Fleet, changes(plan)...)
		out.FleetDiff += r.diff(plan)
		if r.DryRun {
			continue
		}
		if err := r.disk.Apply(ctx, plan); err != nil {
			return err
		}
	}
	return nil
}
