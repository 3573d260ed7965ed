// Package upgrade moves the charts' versions, hop by hop and ring by ring.
package upgrade

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/baseline"
	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/transition"
	"kasou/pipelines/workspace"
)

const (
	// RuleUpgradeStops: something keeps a cluster from the newest chart.
	RuleUpgradeStops finding.Rule = "upgrade-stops"
	// RuleUpgradeTo: the version to go to is not one that a cluster can go to.
	RuleUpgradeTo finding.Rule = "upgrade-to"
	// RuleVersionByHand: a version stands where kasou cannot change it.
	RuleVersionByHand finding.Rule = "lock-version-by-hand"
	// RuleRingClosed: a ring waits for the one before it.
	RuleRingClosed finding.Rule = "upgrade-ring-closed"
)

// Options say how far Run goes.
type Options struct {
	// To is the version that no cluster goes beyond; empty for the newest.
	To string
	// Ring is the ring to move; empty for all that are open. Named clusters are in
	// no ring.
	Ring string
	// Patient makes a note of the error that Ring is closed.
	Patient bool
	// Live asks the host whether the ring before is healthy.
	Live bool
	// Except are clusters that stay, and why.
	Except map[string]string
	// Health looks at clusters on the host, as drift does with Live.
	Health func(ctx context.Context, o workspace.Options, now time.Time) (*report.Report, error)
	// Now is the time by which soaks are measured; zero means the clock's.
	Now time.Time
}

var atVersion = []string{"spec", "chart", "version"}

// mover moves the clusters of a workspace.
type mover struct {
	*workspace.Workspace
	base    *baseline.Baseline
	options Options
}

// UnknownRingError is a name that no ring of the fleet has.
type UnknownRingError struct {
	Name string
	// Known are the names there are.
	Known []string
}

func (e *UnknownRingError) Error() string { return "there is no ring " + e.Name }

// Run writes the next hop of each cluster's chart into the file that names its
// version: one minor from what is committed, and never past what would break the
// cluster. The report's Upgrades say what comes after it. With DryRun it writes
// nothing.
func Run(ctx context.Context, o workspace.Options, u Options) (*report.Report, error) {
	out := &report.Report{Command: "upgrade", DryRun: o.DryRun}
	r, err := workspace.Open(o, out)
	if err != nil || r == nil {
		return workspace.Sorted(out), err
	}
	defer r.Close()
	if known := fleet.RingNames(r.Fleet.Spec.Rings); u.Ring != "" && !slices.Contains(known, u.Ring) {
		return nil, &UnknownRingError{Name: u.Ring, Known: known}
	}
	if err := Move(ctx, r, out, u); err != nil {
		return nil, err
	}
	return workspace.Sorted(out), ctx.Err()
}

// Move makes the next hop of every chosen cluster, and enters it into the
// report. It moves none where a change of fleet.yaml is refused.
func Move(ctx context.Context, w *workspace.Workspace, out *report.Report, u Options) error {
	base, based, err := baseline.Open(ctx, w)
	out.Findings = append(out.Findings, based...)
	if err != nil {
		return err
	}
	defer base.Close()
	if based.Failed() {
		out.Findings = append(out.Findings, w.Fleet.Finding(finding.Warning, RuleUpgradeStops, nil, "no chart is moved: a change of "+w.Fleet.File+" is refused, and a hop beside it could not be built",
			"Accept the change or take it back, and run kasou upgrade again."))
		return nil
	}
	r := &mover{Workspace: w, base: base, options: u}
	rings := newRings(r)
	to := map[string]string{}
	for _, c := range r.Clusters {
		if !rings.asked(c.Name) {
			continue
		}
		step, found, err := r.nextHop(ctx, c, rings)
		out.Findings = append(out.Findings, found...)
		workspace.Unfinished(out, c.Name, err)
		if step != nil {
			out.Upgrades = append(out.Upgrades, *step)
			to[c.Name] = step.To
		}
	}
	out.Findings = append(out.Findings, rings.findings()...)
	edits, found := r.versionEdits(to)
	out.Findings = append(out.Findings, found...)
	if err := ctx.Err(); err != nil {
		return err
	}
	return workspace.Rewrite(ctx, r.Workspace, out, edits)
}

// nextHop returns what a cluster's next hop is, or why it has none; nil where it is
// on the newest version.
func (r *mover) nextHop(ctx context.Context, c fleet.Cluster, rings *rings) (*report.Upgrade, finding.List, error) {
	step := &report.Upgrade{Cluster: c.Name, Ring: rings.name(c.Name), Chart: c.Spec.Chart.Name}
	if step.Why = whyStays(c); step.Why != "" {
		if len(r.Names) == 0 {
			return nil, nil, nil
		}
		step.Chart = cmp.Or(c.Spec.Chart.Path, step.Chart)
		return step, nil, nil
	}
	versions, err := r.Charts.Versions(ctx, *c.Spec.Chart)
	if problem, ok := errors.AsType[*chart.Problem](err); ok {
		return nil, finding.List{problem.Finding(c)}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	if step.From, err = r.base.Version(ctx, c); err != nil {
		return nil, nil, err
	}
	if found := unreachable(c, *step, r.options.To, versions); found != nil {
		return nil, found, nil
	}
	way, err := r.wayOf(ctx, c, step.From, versions, r.options.To)
	if err != nil {
		return nil, nil, err
	}
	var found finding.List
	if way.Stopped != "" {
		step.Stopped = way.Stopped
		found = append(found, c.Finding(finding.Warning, RuleUpgradeStops, atVersion, "the way to a newer chart ends here: "+way.Stopped, way.Hint))
	}
	if len(way.Hops) == 0 {
		step.Why = way.Stopped
		if step.Why == "" {
			step = nil
		}
		return step, found, nil
	}
	next, why, err := rings.next(ctx, c, way.Next)
	if except, stays := r.options.Except[c.Name]; stays && err == nil {
		next, why = "", except
		found = append(found, c.Finding(finding.Warning, RuleUpgradeStops, atVersion, "the next hop waits for a person: "+except,
			"Run kasou upgrade "+c.Name+" and kasou plan, and write into spec.accept what it says."))
	}
	switch {
	case err != nil:
		return nil, nil, err
	case why != "":
		step.Why = why
	case next == c.Spec.Chart.Version, r.options.To == "" && slices.Contains(way.Next, c.Spec.Chart.Version) && !newer(next, c.Spec.Chart.Version):
		next = c.Spec.Chart.Version
		step.Why = next + " is written, and not committed yet"
	default:
		step.To = next
	}
	if next == "" {
		next = way.Hops[0]
	}
	if next != way.Hops[0] {
		if way, err = r.wayOf(ctx, c, next, versions, r.options.To); err != nil {
			return nil, nil, err
		}
		way.Hops = append([]string{next}, way.Hops...)
	}
	step.Way = way.Hops
	if step.To != "" {
		found = append(found, c.Finding(finding.Note, chart.RuleNewer, atVersion, step.Line(), "Read the release notes of "+step.To+", then run kasou plan."))
	}
	return step, found, nil
}

// whyStays returns why a cluster is never moved; empty where it is.
func whyStays(c fleet.Cluster) string {
	switch {
	case c.Spec.Retire:
		return "it retires"
	case c.Spec.Chart.Path != "":
		return "the chart stands in the repository, where a person puts a newer one"
	}
	return ""
}

// newer reports whether the version a is above b.
func newer(a, b string) bool {
	left, errLeft := semver.NewVersion(a)
	right, errRight := semver.NewVersion(b)
	return errLeft == nil && errRight == nil && left.GreaterThan(right)
}

// wayOf returns the way from a version of the cluster's chart.
func (r *mover) wayOf(ctx context.Context, c fleet.Cluster, from string, versions []string, to string) (transition.Way, error) {
	var err error
	way, failed := transition.FindWay(transition.Chart{Name: c.Spec.Chart.Name, Version: from}, versions, to, sync.OnceValue(func() string {
		var distro string
		distro, err = r.base.Distro(ctx, c.Name)
		return distro
	}))
	return way, errors.Join(failed, err)
}

// unreachable returns the finding about a version that a person named and the
// cluster cannot go to.
func unreachable(c fleet.Cluster, step report.Upgrade, to string, versions []string) finding.List {
	at := func(message, hint string) finding.List {
		return finding.List{c.Finding(finding.Error, RuleUpgradeTo, atVersion, message, hint)}
	}
	switch {
	case to == "":
		return nil
	case !slices.Contains(versions, to):
		newest := ""
		if len(versions) > 0 {
			newest = "; the newest is " + versions[0]
		}
		return at(fmt.Sprintf("%s has no release %s%s", step.Chart, to, newest), "Name a version that the chart's repository has.")
	case newer(step.From, to):
		return at(fmt.Sprintf("%s %s is committed, and vcluster does not support a downgrade to %s", step.Chart, step.From, to), "Stay on it, or restore a backup into a new cluster.")
	}
	return nil
}

// versionEdits returns the edits that write each cluster's version where it stands:
// in its spec, or in its class or the fleet's defaults where all that share that place
// go to the same one. Where they do not, those that move get a version of their own.
func (r *mover) versionEdits(to map[string]string) (map[string]fleet.Edit, finding.List) {
	together := r.moveTogether(to)
	edits, written := map[string]fleet.Edit{}, map[string]bool{}
	var findings finding.List
	for _, c := range r.Clusters {
		version := to[c.Name]
		if version == "" {
			continue
		}
		place := c.SharedChartVersion()
		if place != "" && written[place] {
			continue
		}
		var edit fleet.Edit
		var err error
		if place != "" && !together[place] {
			edit, err = c.AddChartVersion(version)
		} else {
			edit, err = c.SetChartVersion(version, edits)
			written[place] = place != ""
		}
		if err != nil {
			findings = append(findings, c.Finding(finding.Error, RuleVersionByHand, atVersion, err.Error(), "Run kasou upgrade again after that."))
			continue
		}
		edits[edit.File] = edit
	}
	return edits, findings
}

// moveTogether reports of each place in fleet.yaml whether all clusters that take their
// version from it go to one version.
func (r *mover) moveTogether(to map[string]string) map[string]bool {
	versions := map[string][]string{}
	for _, c := range r.Fleet.Clusters {
		if place := c.SharedChartVersion(); place != "" && c.Spec.Chart.Path == "" {
			versions[place] = append(versions[place], to[c.Name])
		}
	}
	together := map[string]bool{}
	for place, all := range versions {
		slices.Sort(all)
		all = slices.Compact(all)
		together[place] = len(all) == 1 && all[0] != ""
	}
	return together
}
