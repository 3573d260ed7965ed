package pipelines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
)

const (
	// RuleNewerChart: the chart's source has newer versions.
	RuleNewerChart finding.Rule = "lock-newer-chart"
	// RuleSharedVersion: named clusters take their version from fleet.yaml.
	RuleSharedVersion finding.Rule = "lock-shared-version"
	// RuleVersionByHand: a version stands where kasou cannot change it.
	RuleVersionByHand finding.Rule = "lock-version-by-hand"
)

// Lock pins each cluster's chart anew: whatever digest its source gives now
// goes into lock.yaml. With upgrade it first moves every chart to the newest
// version of its source, in the file that names the version. With DryRun it
// says what it would do.
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
		if r, err = r.upgrade(ctx, out); err != nil || r == nil {
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
	if r.Diff {
		w.diff, w.err = r.diff(w.plan)
	}
	if !r.DryRun && w.err == nil {
		w.err = r.disk.Apply(ctx, w.plan)
	}
}

// upgrade moves the clusters' specs to the newest charts and reads the fleet
// again; nil where a finding stops it.
func (r *run) upgrade(ctx context.Context, out *report.Report) (*run, error) {
	edits := map[string]fleet.Edit{}
	for _, c := range r.clusters {
		newest, found, err := r.newer(ctx, c)
		out.Findings = append(out.Findings, found...)
		if err != nil {
			unfinished(out, c.Name, err)
			continue
		}
		if newest == "" {
			continue
		}
		edit, err := c.SetChartVersion(newest)
		out.Findings = append(out.Findings, r.refuse(c, edit, err)...)
		if other, ok := edits[edit.File]; ok && !bytes.Equal(other.New, edit.New) {
			continue // one default, two answers: cannot be, the chart is the same
		}
		edits[edit.File] = edit
	}
	if out.Findings.Failed() || len(out.Unfinished) > 0 {
		return nil, ctx.Err()
	}
	if err := r.rewrite(ctx, out, edits); err != nil || r.DryRun {
		return nil, err
	}
	next, found, err := choose(r.Options)
	out.Findings = append(out.Findings, found...)
	return next, err
}

// newer gives the newest version of a cluster's chart, if it is newer than the
// one that the spec names, with a note.
func (r *run) newer(ctx context.Context, c fleet.Cluster) (string, finding.List, error) {
	versions, err := r.Charts.Versions(ctx, *c.Spec.Chart)
	var problem *chart.Problem
	if errors.As(err, &problem) {
		return "", finding.List{problem.Finding(c)}, nil
	}
	current := c.Spec.Chart.Version
	if err != nil || len(versions) == 0 || versions[0] == current {
		return "", nil, err
	}
	behind := slices.Index(versions, current)
	count := "newer than"
	if behind > 0 {
		count = fmt.Sprintf("%d versions after", behind)
	}
	return versions[0], finding.List{c.Finding(finding.Note, RuleNewerChart, []string{"spec", "chart", "version"},
		fmt.Sprintf("%s %s is there, %s %s", c.Spec.Chart.Name, versions[0], count, current),
		"Read the release notes of the versions between before you build and commit.")}, nil
}

// refuse gives the finding for an edit that cannot be made.
func (r *run) refuse(c fleet.Cluster, edit fleet.Edit, err error) finding.List {
	at := []string{"spec", "chart", "version"}
	switch {
	case err != nil:
		return finding.List{c.Finding(finding.Error, RuleVersionByHand, at, err.Error(), "")}
	case len(r.Names) > 0 && edit.File == r.fleet.File:
		return finding.List{c.Finding(finding.Error, RuleSharedVersion, at,
			fmt.Sprintf("cluster %s takes its chart version from %s, which others share", c.Name, r.fleet.File),
			"Upgrade the whole fleet (no names), or give the cluster a chart.version of its own.")}
	}
	return nil
}

func (r *run) rewrite(ctx context.Context, out *report.Report, edits map[string]fleet.Edit) error {
	for _, file := range sortedKeys(edits) {
		edit := edits[file]
		plan := r.disk.Rewrite(file, edit.Old, edit.New)
		out.Fleet = append(out.Fleet, changes(plan)...)
		diff, err := r.diff(plan)
		if err != nil {
			return err
		}
		out.FleetDiff += diff
		if r.DryRun {
			continue
		}
		if err := r.disk.Apply(ctx, plan); err != nil {
			return err
		}
	}
	return nil
}
