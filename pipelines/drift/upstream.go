package drift

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/fleetwide"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

var atVersion = []string{"spec", "chart", "version"}

// upstreamRows asks the chart's source, whatever the cache has.
func (w *watch) upstreamRows(ctx context.Context, c fleet.Cluster, lock *lockfile.Lock, s *seen) []report.Row {
	ref := *c.Spec.Chart
	up, err := w.Charts.Upstream(ctx, ref)
	var problem *chart.Problem
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.As(err, &problem) && problem.Rule == chart.RuleNotFound && problem.Field != "repository":
		return []report.Row{upstreamRow(c.Finding(finding.Error, RuleChartGone, atVersion,
			problem.Message+": only caches have it any more", problem.Hint), report.ByPerson)}
	case err != nil:
		return []report.Row{unknownBy(c.Name, report.DriftUpstream, err)}
	}
	var all []report.Row
	told := slices.ContainsFunc(s.built.Findings, func(f finding.Finding) bool { return f.Rule == chart.RuleDigest })
	if moved := movedChart(c, lock, up.Digest); moved != nil && !told {
		all = append(all, upstreamRow(*moved, report.ByLock))
	}
	if len(up.Newer) > 0 {
		s.facts.Newest = up.Newer[0].Version
		all = append(all, upstreamRow(newerChart(c, up.Newer), report.ByUpgrade))
	}
	return all
}

func upstreamRow(f finding.Finding, by report.Repair) report.Row {
	return report.Row{Finding: f, Kind: report.DriftUpstream, Repair: by}
}

// movedChart compares the source's digest with the lock's, where that is of the same
// version: else the files are stale, and say so.
func movedChart(c fleet.Cluster, lock *lockfile.Lock, digest string) *finding.Finding {
	ref := *c.Spec.Chart
	if lock == nil || digest == "" || lock.Chart.Digest == digest ||
		lock.Chart.Repository != ref.Repository || lock.Chart.Name != ref.Name || lock.Chart.Version != ref.Version {
		return nil
	}
	f := c.Finding(finding.Error, RuleChartMoved, atVersion,
		fmt.Sprintf("%s %s is now %s at its source; the lock pins %s", ref.Name, ref.Version, digest, lock.Chart.Digest),
		"Somebody replaced the archive of a released version. Find out why; if the new one is right, pin it.")
	return &f
}

// newerChart says which versions are newer: an error where one of them fixes a
// security issue, else a note.
func newerChart(c fleet.Cluster, newer []chart.Release) finding.Finding {
	var fixes []string
	for _, release := range newer {
		if release.Security {
			fixes = append(fixes, release.Version)
		}
	}
	name, current := c.Spec.Chart.Name, c.Spec.Chart.Version
	if len(fixes) > 0 {
		shown := strings.Join(fixes[:min(len(fixes), 5)], ", ")
		return c.Finding(finding.Error, RuleSecurityFix, atVersion,
			fmt.Sprintf("%s %s is behind a security fix: see %s", name, current, shown),
			fmt.Sprintf("Read its release notes; the newest version is %s.", newer[0].Version))
	}
	return c.Finding(finding.Note, chart.RuleNewer, atVersion,
		fmt.Sprintf("%s %s is there; newer than %s: %d", name, newer[0].Version, current, len(newer)),
		"Read the release notes of the versions between before you build and commit.")
}

// toolRows returns a row for what is one for the fleet and not as it should be:
// with what else than today's tools it was built, and what Argo CD is begun with.
func (w *watch) toolRows(ctx context.Context, shared fleetwide.Shared) error {
	if !w.WholeFleet() {
		return nil
	}
	plan, found, err := shared.Plan(ctx)
	w.out.Drift = append(w.out.Drift, rows("", found)...)
	if err != nil || plan.Empty() {
		return err
	}
	if err := w.WriteFleet(ctx, w.out, plan, true); err != nil { // it is a dry run
		return err
	}
	others := plan
	others.Changes = nil
	for _, change := range plan.Changes {
		differ, err := differingTools(change)
		if err != nil {
			return err
		}
		if len(differ) == 0 {
			others.Changes = append(others.Changes, change)
			continue
		}
		w.out.Drift = append(w.out.Drift, upstreamRow(finding.Finding{
			File: change.Path, Rule: RuleTools, Severity: finding.Error,
			Message: "the files were built with " + strings.Join(differ, "; "),
			Hint:    "Run kasou build, look at the diff, and commit it.",
		}, report.ByBuild))
	}
	w.out.Drift = append(w.out.Drift, rows("", others.Findings())...)
	return nil
}

// differingTools names the tools and schemas that a change of fleet.lock.yaml is
// about; none for another change.
func differingTools(change tree.Change) ([]string, error) {
	if path.Base(change.Path) != layout.FleetLock || change.Cause != tree.Stale {
		return nil, nil
	}
	old, err := lockfile.ParseFleet(change.Old)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", change.Path, err)
	}
	now, err := lockfile.ParseFleet(change.New)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", change.Path, err)
	}
	return append(differing(old.Tools, now.Tools), differing(old.Schemas, now.Schemas)...), nil
}

// differing names what has another version now, sorted.
func differing(old, now map[string]string) []string {
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, now)
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch was, is := old[name], now[name]; {
		case was == is:
		case was == "":
			parts = append(parts, fmt.Sprintf("no %s, today %s", name, is))
		case is == "":
			parts = append(parts, fmt.Sprintf("%s %s, today none", name, was))
		default:
			parts = append(parts, fmt.Sprintf("%s %s, today %s", name, was, is))
		}
	}
	return parts
}
