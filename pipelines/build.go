package pipelines

import (
	"context"
	"slices"
	"sync"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
)

// Build runs all stages and writes the tree, each cluster whole or not at all.
// With DryRun it writes nothing and the report says what it would. A spec or
// fleet file that does not check, or a removal that nobody asked for, stops it
// before anything is written.
func Build(ctx context.Context, o Options) (*report.Report, error) {
	out := &report.Report{Command: "build", DryRun: o.DryRun}
	if err := o.sweep(ctx); err != nil {
		return nil, err
	}
	r, findings, err := start(ctx, o)
	out.Findings = findings
	if err != nil || r == nil {
		return sorted(out), err
	}
	defer r.close()
	out.Text = r.fleet.Text
	gone, err := r.removals(ctx)
	if err != nil {
		return nil, err
	}
	out.Findings = append(append(out.Findings, gone.findings...), gone.renamed...)
	out.Findings = append(out.Findings, tree.GuardPrune(gone.fleet, o.AllowPrune)...)
	if failedOtherwise(out.Findings) {
		return sorted(out), nil
	}
	unknown, err := r.closedRoot(gone, out.Findings)
	if err != nil {
		return nil, err
	}
	out.Findings = append(out.Findings, unknown...)
	r.judge = func(p tree.Plan) finding.List { return p.HandEdits(finding.Warning) }
	r.memory = r.openMemory()
	err = r.buildAll(ctx, out)
	r.memory.keep()
	if err != nil {
		return nil, err
	}
	for _, one := range gone.own {
		r.remove(ctx, out, one)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = r.writeFleet(ctx, out)
	if r.sealedAny.Load() {
		out.Findings = append(out.Findings, r.trust.Unproven()...)
	}
	return r.silenced(out), err
}

// Check runs all stages in memory. The report has an error, and the difference
// where Diff asks for it, for everything on disk that is not as Build would
// write it.
func Check(ctx context.Context, o Options) (*report.Report, error) {
	// What a check says rests on nothing that a run before it left.
	o.DryRun, o.NoCache = true, true
	out := &report.Report{Command: "check"}
	r, findings, err := start(ctx, o)
	out.Findings = findings
	if err != nil || r == nil {
		return sorted(out), err
	}
	defer r.close()
	out.Text = r.fleet.Text
	r.judge, r.onlyLooks = tree.Plan.Findings, true
	if err := r.buildAll(ctx, out); err != nil {
		return nil, err
	}
	gone, err := r.removals(ctx)
	if err != nil {
		return nil, err
	}
	out.Findings = append(out.Findings, gone.findings...)
	unknown, err := r.closedRoot(gone, out.Findings)
	if err != nil {
		return nil, err
	}
	out.Findings = append(out.Findings, unknown...)
	for _, one := range gone.own {
		out.Findings = append(out.Findings, one.Findings()...)
		r.remove(ctx, out, one)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = r.checkFleet(ctx, out)
	if r.sealedAny.Load() {
		out.Findings = append(out.Findings, r.trust.Unproven()...)
	}
	return r.silenced(out), err
}

// written is a cluster's outcome after its plan was applied, or shown.
type written struct {
	outcome
	diff string
}

// batch is how many clusters are written together: with 48 a cold build of 1,000 took
// 7% longer, with 192 it was no faster. Each holds its files' contents meanwhile, some
// 40 KB.
const batch = 128

// buildAll builds every cluster, batch by batch: while one is written, the next is
// built, and says what the step from the commit before does to each. The error is of
// what all of them need: each of them has it too.
func (r *run) buildAll(ctx context.Context, out *report.Report) error {
	found, err := r.openBase(ctx)
	out.Findings = append(out.Findings, found...)
	if err != nil {
		return err
	}
	step := r.step(len(r.clusters))
	results := make([]written, 0, len(r.clusters))
	if g, ok := r.Toolchain.(toolchain.Grouper); ok && g.GroupSize() > 1 {
		groups := grouped(r.clusters, g.GroupSize(), func(c fleet.Cluster) string { return c.Name })
		results = together(ctx, groupsAtOnce, groups, r.buildOne, r.writeAll, step)
	} else {
		var writing sync.WaitGroup
		done := 0
		for clusters := range slices.Chunk(r.clusters, batch) {
			built := each(ctx, r.Jobs, clusters, r.buildOne, func(n int, c fleet.Cluster) { step(done+n, c) })
			done += len(clusters)
			results = append(results, built...)
			writing.Wait()
			part := results[len(results)-len(built):]
			writing.Go(func() { r.writeAll(ctx, clusters, part) })
		}
		writing.Wait()
	}
	for i, w := range results {
		addCluster(out, r.clusters[i], w)
	}
	if out.FleetDiff, err = r.fleetFileDiff(ctx, out); err != nil {
		return err
	}
	return r.schemas.Err()
}

// groupsAtOnce lets one group be compared and written while another waits for
// its containers.
const groupsAtOnce = 3

// forAll does the work for every cluster, jobs at a time, and enters what comes
// of it into the report.
func (r *run) forAll(ctx context.Context, out *report.Report, jobs int, work func(context.Context, fleet.Cluster) written) {
	for i, w := range each(ctx, jobs, r.clusters, work, r.step(len(r.clusters))) {
		addCluster(out, r.clusters[i], w)
	}
}

// buildOne builds a cluster and says what its plan means; it is not written yet.
func (r *run) buildOne(ctx context.Context, c fleet.Cluster) written {
	w := written{outcome: r.build(ctx, c)}
	if !w.usable() || w.plan.Empty() {
		return w
	}
	w.findings = append(w.findings, r.judge(w.plan)...)
	if r.Diff {
		w.diff, w.err = r.clusterDiff(ctx, c, w.plan)
	}
	return w
}

// writeAll writes the clusters of a batch, and notes what was built.
func (r *run) writeAll(ctx context.Context, clusters []fleet.Cluster, built []written) {
	var plans []tree.Plan
	var of []int
	for i, w := range built {
		if w.usable() && !w.plan.Empty() && !r.DryRun {
			plans, of = append(plans, w.plan), append(of, i)
		}
	}
	for i, err := range r.disk.WriteAll(ctx, plans) {
		built[of[i]].err = err
	}
	for i := range built {
		r.remember(clusters[i], built[i])
		built[i].forget()
	}
}

// forget lets go of the contents, which are on disk or shown: there may be thousands
// of clusters.
func (w *written) forget() {
	for i := range w.plan.Changes {
		w.plan.Changes[i].Old, w.plan.Changes[i].New = nil, nil
	}
}

// removals are the plans that take clusters away.
type removals struct {
	// fleet are those of the whole fleet: each shard has to know whether more than
	// one cluster would go.
	fleet []tree.Plan
	// own are those that this run applies.
	own []removal
	// findings are about what belongs to no cluster's plan.
	findings finding.List
	// renamed are findings of clusters, of any shard, that took over the folder of
	// one of the orphans: with any, no cluster is to be removed. Building such a
	// cluster finds the same.
	renamed finding.List
}

// removal takes one cluster away, unless a finding stands in the way.
type removal struct {
	tree.Plan
	findings finding.List
}

// removals plans what the retired and orphaned clusters leave behind. A run on
// named clusters leaves orphans alone.
func (r *run) removals(ctx context.Context) (removals, error) {
	var all removals
	for _, name := range r.retired {
		plan, found, err := r.disk.Retire(ctx, name)
		if err != nil {
			return all, err
		}
		all.add(r.Shard, removal{plan, append(found, stillGuarded(r.Dir, plan)...)})
	}
	if len(r.Names) > 0 {
		return all, nil
	}
	orphans, found, err := r.disk.Orphans(func(cluster string) bool {
		_, known := r.fleet.Cluster(cluster)
		return known
	})
	for _, plan := range orphans {
		all.add(r.Shard, removal{plan, stillGuarded(r.Dir, plan)})
	}
	for _, f := range found {
		if r.Shard.has(f.Cluster) {
			all.findings = append(all.findings, f)
		}
	}
	if err == nil && len(orphans) > 0 {
		all.renamed, err = r.renamed()
	}
	if len(all.renamed) > 0 {
		all.own = nil
	}
	return all, err
}

// renamed finds the clusters of the fleet whose folder was another's.
func (r *run) renamed() (finding.List, error) {
	var all finding.List
	for i := range r.fleet.Clusters {
		f, err := r.disk.Renamed(r.fleet.Clusters[i].Name)
		if err != nil {
			return nil, err
		}
		if f != nil {
			all = append(all, *f)
		}
	}
	return all, nil
}

func (all *removals) add(s Shard, one removal) {
	all.fleet = append(all.fleet, one.Plan)
	if s.has(one.Cluster) {
		all.own = append(all.own, one)
	}
}

func (r *run) remove(ctx context.Context, out *report.Report, one removal) {
	out.Findings = append(out.Findings, one.findings...)
	if one.findings.Failed() {
		out.Clusters = append(out.Clusters, report.Cluster{Name: one.Cluster, Status: report.Failed})
		return
	}
	c := report.Cluster{Name: one.Cluster, Status: report.Removed, Changes: changes(one.Plan),
		Reasons: []report.Reason{{Cause: report.RemovedByPerson}}}
	c.Diff = r.diff(one.Plan)
	var err error
	if !r.DryRun {
		err = r.disk.Apply(ctx, one.Plan)
	}
	if err != nil {
		c.Status = report.Failed
		unfinished(out, one.Cluster, err)
	}
	out.Clusters = append(out.Clusters, c)
}
