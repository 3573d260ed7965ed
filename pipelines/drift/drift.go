// Package drift finds what is no longer true of a fleet: of its files, its charts, of what
// was sealed, and of the host.
package drift

import (
	"context"
	"slices"
	"sync"
	"time"

	"kasou/pipelines/cluster"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/fleetwide"
	"kasou/pipelines/history"
	"kasou/pipelines/host"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/retire"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// DefaultWithin is how long before its end a credential or certificate counts as
// drift, unless Options say otherwise.
const DefaultWithin = 30 * 24 * time.Hour

// Options say how Find looks.
type Options struct {
	// Within is how long before its end a credential or the sealing certificate
	// counts as drift; 0 means DefaultWithin.
	Within time.Duration
	// Live compares with the host cluster, which Options.OpenHost gives.
	Live bool
	// Now is the time of the report; zero means the clock's.
	Now time.Time
	// Repair runs Build for what that repairs and, with Live, Register for what
	// that does, and looks again. Nothing else is repaired: a digest that moved,
	// a newer chart, a certificate want a person.
	Repair bool
	// Build and Register are the pipelines that repair.
	Build    workspace.Pipeline
	Register func(context.Context, workspace.Options, register.Source) (*report.Report, error)
	// Write runs a pipeline that repairs, with what belongs around it; nil runs
	// it alone. CI publishes what it wrote.
	Write func(ctx context.Context, o workspace.Options, repair workspace.Pipeline) (*report.Report, error)
}

// Find finds what is no longer true of each cluster: of its files, of its
// chart and the tools, of what was sealed, and of the host. Each row that is drift is also
// a finding of error severity; what could not be found out is unfinished. It
// writes nothing, unless Repair asks for it.
func Find(ctx context.Context, o workspace.Options, d Options) (*report.Report, error) {
	if d.Now.IsZero() {
		d.Now = time.Now()
	}
	if d.Within == 0 {
		d.Within = DefaultWithin
	}
	if d.Repair {
		return repair(ctx, o, d)
	}
	return look(ctx, o, d)
}

func look(ctx context.Context, o workspace.Options, d Options) (*report.Report, error) {
	o.DryRun, o.Diff, o.NoCache = true, true, true
	out := &report.Report{Command: "drift", At: d.Now.UTC().Format(time.RFC3339)}
	r, err := workspace.Open(o, out)
	if err != nil || r == nil {
		return workspace.Sorted(out), err
	}
	defer r.Close()
	r.OnlyLooks = true
	w := &watch{Workspace: r, options: d, out: out, dates: r.Git(ctx).Dates(ctx)}
	if ok, err := w.prepare(ctx); err != nil || !ok {
		return w.finish(ctx), err
	}
	w.builder = cluster.New(r, tree.Plan.Findings)
	w.clusters(ctx)
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
	*workspace.Workspace
	builder *cluster.Builder
	options Options
	out     *report.Report
	dates   history.Dates
}

// prepare has findings about the certificate as rows: they hide nothing else. false
// means that no cluster can be looked at.
func (w *watch) prepare(ctx context.Context) (bool, error) {
	found, err := w.Prepare(ctx, w.options.Now)
	if err != nil {
		return false, err
	}
	certificate := slices.DeleteFunc(w.Certificates.Findings(), func(f finding.Finding) bool { return f.Rule == seal.RuleCertificateExpiring })
	if w.Shard.Index <= 1 { // it is one for the fleet
		w.out.Drift = append(w.out.Drift, rows("", certificate)...)
		w.out.Drift = append(w.out.Drift, w.certificateEnds()...)
	}
	w.out.Findings = append(w.out.Findings, found...)
	return !found.Failed(), nil
}

// seen is what one look at a cluster gave.
type seen struct {
	built cluster.Built
	facts *report.Facts
	rows  []report.Row
}

// clusters compares each cluster with everything that it should agree with, and enters
// it into the report.
func (w *watch) clusters(ctx context.Context) {
	var mu sync.Mutex
	looked := map[string]seen{}
	w.builder.Each(ctx, func(ctx context.Context, clusters []fleet.Cluster, built []cluster.Built) {
		places := make([]int, len(clusters))
		for i := range places {
			places[i] = i
		}
		batch := workspace.Each(ctx, w.Jobs, places, func(ctx context.Context, i int) seen { return w.look(ctx, clusters[i], built[i]) }, nil)
		mu.Lock()
		defer mu.Unlock()
		for i, s := range batch {
			looked[clusters[i].Name] = s
		}
	})
	for _, c := range w.Clusters {
		s := looked[c.Name]
		entry := report.Cluster{Name: c.Name, Status: report.Unchanged, Diff: s.built.Diff, Facts: s.facts}
		if !s.built.Plan.Empty() {
			entry.Changes, entry.Reasons = workspace.Changes(s.built.Plan), s.built.Reasons
		}
		w.out.Drift = append(w.out.Drift, s.rows...)
		w.out.Clusters = append(w.out.Clusters, entry)
	}
}

// look compares one cluster, as it was built, with the rest of what it should agree
// with.
func (w *watch) look(ctx context.Context, c fleet.Cluster, built cluster.Built) seen {
	s := seen{built: built, rows: w.treeRows(ctx, c, built)}
	lock, _, err := tree.ReadLock(w.Disk, c.Name)
	if err != nil || ctx.Err() != nil {
		lock = nil // the build has said so
	}
	s.facts = factsOf(w.Fleet, c, lock)
	s.rows = append(s.rows, w.upstreamRows(ctx, c, lock, &s)...)
	s.rows = append(s.rows, w.trustRows(ctx, c, lock, s.facts)...)
	return s
}

// treeRows returns what a check says of the cluster.
func (w *watch) treeRows(ctx context.Context, c fleet.Cluster, b cluster.Built) []report.Row {
	found := b.Unknown
	errs := []error{b.Err}
	stopped := b.Plan.Empty() && (b.Err != nil || b.Findings.Failed())
	if stopped {
		edited, err := tree.AgainstLock(w.Disk, c.Name)
		said := func(f finding.Finding) bool {
			return slices.ContainsFunc(b.Findings, func(other finding.Finding) bool { return other.File == f.File })
		}
		found, errs = append(found, slices.DeleteFunc(edited, said)...), append(errs, err)
	}
	all := rows(c.Name, append(b.Findings, found...))
	for _, err := range errs {
		if err != nil && ctx.Err() == nil {
			all = append(all, unknownBy(c.Name, report.DriftTree, err))
		}
	}
	if stopped && b.Err == nil {
		all = append(all, unknown(c.Name, report.DriftTree, "it does not build, so its files were compared with its lock alone"))
	}
	return all
}

// rows makes rows of findings. What only informs is not drift and stays out.
func rows(name string, found finding.List) []report.Row {
	var all []report.Row
	for _, f := range found {
		from := originOf(f.Rule)
		_, known := origins[f.Rule]
		if f.Severity != finding.Error && !known {
			continue
		}
		f.Cluster = name
		unproved := f.Rule == seal.RuleUnverifiable || f.Rule == cluster.RuleValuesUnknown
		all = append(all, report.Row{Finding: f, Kind: from.kind, Repair: from.repair, Unknown: unproved})
	}
	return all
}

// unknown returns the row for what could not be found out.
func unknown(cluster string, kind report.DriftKind, why string) report.Row {
	return report.Row{
		Finding: finding.Finding{Cluster: cluster, Rule: RuleUnknown, Severity: finding.Warning, Message: why},
		Kind:    kind, Repair: report.ByPerson, Unknown: true,
	}
}

// unknownBy is unknown of what an error kept from being found out.
func unknownBy(cluster string, kind report.DriftKind, err error) report.Row {
	row := unknown(cluster, kind, err.Error())
	row.Hint = host.Hint(err)
	return row
}

// fleetWide looks at what belongs to no cluster.
func (w *watch) fleetWide(ctx context.Context) error {
	gone, err := retire.Plan(ctx, w.Workspace)
	if err != nil {
		return err
	}
	shared := fleetwide.Shared{Workspace: w.Workspace, Kinds: w.builder.Kinds}
	unknownFiles, err := shared.Unknown(gone.Fleet, gone.Findings)
	if err != nil {
		return err
	}
	found := slices.Concat(gone.Findings, unknownFiles, w.builder.TwiceClaimed())
	for _, one := range gone.Own {
		found = append(found, append(one.Findings(), one.Found...)...)
		one.Found = nil // told in rows
		retire.Remove(ctx, w.Workspace, w.out, one)
	}
	for _, f := range found {
		w.out.Drift = append(w.out.Drift, rows(f.Cluster, finding.List{f})...)
	}
	return w.toolRows(ctx, shared)
}

// finish returns the report, whole and in order.
func (w *watch) finish(ctx context.Context) *report.Report {
	for i, row := range w.out.Drift {
		if row.Since == "" && row.File != "" && dated[row.Rule] {
			w.out.Drift[i].Since = w.dates.Changed(ctx, row.File)
		}
	}
	report.SortRows(w.out.Drift)
	for _, row := range w.out.Drift {
		if row.Rule != RuleUnknown {
			w.out.Findings = append(w.out.Findings, row.Finding)
		} else {
			w.out.Unfinished = append(w.out.Unfinished, report.Unfinished{Cluster: row.Cluster, Message: row.Message, Hint: row.Hint})
		}
	}
	setStatuses(w.out)
	return workspace.Sorted(w.out)
}

// setStatuses sets the status of each cluster to what its rows ask for.
func setStatuses(out *report.Report) {
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
