package pipelines

import (
	"context"
	"slices"
	"time"

	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/history"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
)

// DriftWithin is how long before its end a credential or certificate counts as
// drift, unless DriftOptions say otherwise.
const DriftWithin = 30 * 24 * time.Hour

// DriftOptions say how Drift looks.
type DriftOptions struct {
	// Within is how long before its end a credential or the sealing certificate
	// counts as drift; 0 means DriftWithin.
	Within time.Duration
	// Live compares with the host cluster, which Options.OpenHost gives.
	Live bool
	// Now is the time of the report; zero means the clock's.
	Now time.Time
	// Repair runs Build for what it repairs and, with Live, Register for what
	// that does, and looks again. Nothing else is repaired: a digest that moved,
	// a newer chart, a certificate want a person.
	Repair bool
	// Write runs a pipeline that repairs, with what belongs around it; nil runs
	// it alone. CI publishes what it wrote.
	Write func(ctx context.Context, o Options, repair Pipeline) (*report.Report, error)
}

// Drift finds what is no longer true of each cluster: of its files, of its
// chart and the tools, of what was sealed, and of the host. Each row that is drift is also a
// finding of error severity; what could not be found out is unfinished. It
// writes nothing, unless Repair asks for it.
func Drift(ctx context.Context, o Options, d DriftOptions) (*report.Report, error) {
	if d.Now.IsZero() {
		d.Now = time.Now()
	}
	if d.Within == 0 {
		d.Within = DriftWithin
	}
	if d.Repair {
		return repairDrift(ctx, o, d)
	}
	return lookForDrift(ctx, o, d)
}

func lookForDrift(ctx context.Context, o Options, d DriftOptions) (*report.Report, error) {
	o.DryRun, o.Diff, o.NoCache = true, true, true
	out := &report.Report{Command: "drift", At: d.Now.UTC().Format(time.RFC3339)}
	r, findings, err := choose(o)
	if out.Findings = findings; err != nil || r == nil {
		return sorted(out), err
	}
	defer r.close()
	w := &watch{run: r, options: d, out: out, git: history.OpenDates(ctx, o.Root)}
	if ok, err := w.prepare(ctx); err != nil || !ok {
		return w.finish(ctx), err
	}
	r.judge, r.onlyLooks = tree.Plan.Findings, true
	for i, seen := range each(ctx, o.Jobs, r.clusters, w.look, r.step(len(r.clusters))) {
		w.add(r.clusters[i], seen)
	}
	err = w.fleetWide(ctx)
	if err == nil && d.Live {
		w.liveRows(ctx)
	}
	if err == nil {
		err = ctx.Err()
	}
	return w.finish(ctx), err
}

// watch is one look at the fleet.
type watch struct {
	*run
	options DriftOptions
	out     *report.Report
	git     history.Dates
}

// prepare is start, with findings about the certificate as rows: they hide
// nothing else. false means that no cluster can be looked at.
func (w *watch) prepare(ctx context.Context) (bool, error) {
	var err error
	if w.key, err = sealKey(w.SealKey); err != nil {
		return false, err
	}
	var found finding.List
	w.certificate, found = seal.LoadCertificate(w.fleet, w.options.Now)
	found = slices.DeleteFunc(found, func(f finding.Finding) bool { return f.Rule == seal.RuleCertificateExpiring })
	if w.Shard.Index <= 1 { // it is one for the fleet
		w.out.Drift = append(w.out.Drift, rows("", found)...)
		w.out.Drift = append(w.out.Drift, w.certificateEnds()...)
	}
	found, err = w.openTrust(ctx)
	if err != nil {
		return false, err
	}
	w.out.Findings = append(w.out.Findings, found...)
	if found.Failed() {
		return false, nil
	}
	w.schemas, found, err = conform.Find(w.fleet, w.Cache)
	w.out.Findings = append(w.out.Findings, found...)
	return !found.Failed(), err
}

// seen is what one look at a cluster gave.
type seen struct {
	written
	facts *report.Facts
	rows  []report.Row
}

// look compares one cluster with everything that it should agree with.
func (w *watch) look(ctx context.Context, c fleet.Cluster) seen {
	s := seen{written: w.buildOne(ctx, c)}
	s.forget()
	s.rows = w.treeRows(ctx, c, s.written)
	lock, _, err := w.disk.ReadLock(c.Name)
	if err != nil || ctx.Err() != nil {
		lock = nil // the build has said so
	}
	s.facts = w.facts(c, lock)
	s.rows = append(s.rows, w.upstreamRows(ctx, c, lock, &s)...)
	s.rows = append(s.rows, w.trustRows(ctx, c, lock, s.facts)...)
	return s
}

// treeRows returns what a check says of the cluster.
func (w *watch) treeRows(ctx context.Context, c fleet.Cluster, b written) []report.Row {
	found := b.unknown
	errs := []error{b.err}
	stopped := b.plan.Empty() && (b.err != nil || b.findings.Failed())
	if stopped {
		edited, err := w.disk.AgainstLock(c.Name)
		said := func(f finding.Finding) bool {
			return slices.ContainsFunc(b.findings, func(other finding.Finding) bool { return other.File == f.File })
		}
		found, errs = append(found, slices.DeleteFunc(edited, said)...), append(errs, err)
	}
	all := rows(c.Name, append(b.findings, found...))
	for _, err := range errs {
		if err != nil && ctx.Err() == nil {
			all = append(all, unknown(c.Name, report.DriftTree, err.Error()))
		}
	}
	if stopped && b.err == nil {
		all = append(all, unknown(c.Name, report.DriftTree, "it does not build, so its files were compared with its lock alone"))
	}
	return all
}

// rows makes rows of findings. What only informs is no drift and stays out.
func rows(cluster string, found finding.List) []report.Row {
	var all []report.Row
	for _, f := range found {
		from := originOf(f.Rule)
		_, known := origins[f.Rule]
		if f.Severity != finding.Error && !known {
			continue
		}
		f.Cluster = cluster
		unproved := f.Rule == seal.RuleUnverifiable || f.Rule == RuleValuesUnknown
		all = append(all, report.Row{Finding: f, Kind: from.kind, Repair: from.repair, Unknown: unproved})
	}
	return all
}

// unknown gives the row for what could not be found out.
func unknown(cluster string, kind report.DriftKind, why string) report.Row {
	return report.Row{
		Finding: finding.Finding{Cluster: cluster, Rule: RuleUnknown, Severity: finding.Warning, Message: why},
		Kind:    kind, Repair: report.ByPerson, Unknown: true,
	}
}

// add enters one cluster into the report.
func (w *watch) add(c fleet.Cluster, s seen) {
	entry := report.Cluster{Name: c.Name, Status: report.Unchanged, Diff: s.diff, Facts: s.facts}
	if !s.plan.Empty() {
		entry.Changes, entry.Reasons = changes(s.plan), s.reasons
	}
	w.out.Drift = append(w.out.Drift, s.rows...)
	w.out.Clusters = append(w.out.Clusters, entry)
}

// fleetWide looks at what belongs to no cluster.
func (w *watch) fleetWide(ctx context.Context) error {
	gone, err := w.removals(ctx)
	if err != nil {
		return err
	}
	unknownFiles, err := w.closedRoot(gone, gone.findings)
	if err != nil {
		return err
	}
	found := slices.Concat(gone.findings, unknownFiles)
	for _, one := range gone.own {
		found = append(found, append(one.Findings(), one.findings...)...)
		one.findings = nil // told in rows
		w.remove(ctx, w.out, one)
	}
	for _, f := range found {
		w.out.Drift = append(w.out.Drift, rows(f.Cluster, finding.List{f})...)
	}
	return w.toolRows(ctx)
}

// finish gives the report, whole and in order.
func (w *watch) finish(ctx context.Context) *report.Report {
	for i := range w.out.Drift {
		w.since(ctx, &w.out.Drift[i])
	}
	report.SortRows(w.out.Drift)
	for _, row := range w.out.Drift {
		switch {
		case row.Rule != RuleUnknown:
			w.out.Findings = append(w.out.Findings, row.Finding)
		default:
			w.out.Unfinished = append(w.out.Unfinished, report.Unfinished{Cluster: row.Cluster, Message: row.Message})
		}
	}
	settle(w.out)
	return sorted(w.out)
}

// settle gives each cluster the status that its rows ask for.
func settle(out *report.Report) {
	drifted, dark := map[string]bool{}, map[string]bool{}
	for _, row := range out.Drift {
		drifted[row.Cluster] = drifted[row.Cluster] || row.Drifted()
		dark[row.Cluster] = dark[row.Cluster] || row.Unknown
	}
	for i := range out.Clusters {
		c := &out.Clusters[i]
		switch {
		case drifted[c.Name], c.Status == report.Removed: // it should be removed, and is not yet
			c.Status = report.Drifted
		case dark[c.Name]:
			c.Status = report.Unknown
		}
	}
}
