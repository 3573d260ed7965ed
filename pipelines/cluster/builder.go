// Package cluster takes clusters, a batch at a time, from their specs to plans for the
// disk.
package cluster

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"kasou/pipelines/baseline"
	"kasou/pipelines/cache"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/policy"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

const (
	// BatchSize is how many clusters a tool is asked for at once, and how many are
	// written together: enough that the price of a container, and of a sync of the
	// disk, is little beside the work itself, and few enough that one changed spec has
	// few others rendered again where an engine keeps what it was asked. With 48 a cold
	// build of 1,000 took 7% longer, with 192 it was no faster. Each cluster holds its
	// files' contents meanwhile, some 40 KB.
	BatchSize = 96
	// batchesAtOnce lets one batch be written while the next is built.
	batchesAtOnce = 2
)

// Builder builds the clusters of a workspace.
type Builder struct {
	*workspace.Workspace
	// judge says what a plan's changes mean for the pipeline.
	judge func(tree.Plan) finding.List
	// baseline is nil where the repository has no commit, and where nobody asks what a
	// step does.
	baseline *baseline.Baseline
	// refused says that the step of the fleet itself is refused.
	refused bool
	// built is nil where every cluster is to be built in full.
	built *cache.Built
	// onHosts are hostDigests, where built is not nil.
	onHosts map[string]string
	// kinds are those of the clusters that were built.
	kinds kinds
	// endpoints are the names of the fleet's API servers.
	endpoints policy.Endpoints
	// own are the objects that the fleet makes by itself.
	own policy.Own
	// outside are the objects, of the clusters that were built, that others could bring, too.
	outside policy.Fleet
	// sealed says that something sealed was met.
	sealed atomic.Bool
}

// New returns a builder for a workspace that is prepared. judge says what the changes
// of a plan mean for the pipeline.
func New(w *workspace.Workspace, judge func(tree.Plan) finding.List) *Builder {
	return &Builder{Workspace: w, judge: judge, endpoints: policy.EndpointsOf(w.Fleet.Clusters), own: policy.OwnOf(w.Fleet)}
}

// Claim enters the objects of a cluster that other clusters could bring, too.
func (b *Builder) Claim(cluster string, objects []manifest.Claim) { b.outside.Put(cluster, objects) }

// TwiceClaimed returns an error for each object that two of the clusters bring that were
// built, or were entered by Claim, one of which the run is about.
func (b *Builder) TwiceClaimed() finding.List {
	return b.outside.Twice(func(cluster string) bool { return own(b.Workspace, cluster) })
}

// MetSealed reports whether there is something sealed in a cluster that was built.
func (b *Builder) MetSealed() bool { return b.sealed.Load() }

// Refused reports whether a step of the fleet itself is refused: Build wrote nothing then.
func (b *Builder) Refused() bool { return b.refused }

// HasBaseline reports whether there was a commit, or a folder, to compare with.
func (b *Builder) HasBaseline() bool { return b.baseline != nil }

// Built is what came of one cluster.
type Built struct {
	workspace.Outcome
	// source and inputs are digests of what the files come from: the texts and the
	// chart, and what those say.
	source, inputs string
	// sealed says that there is something sealed among the files.
	sealed bool
	// outside and hosts are what policy says that others could have, too.
	outside []manifest.Claim
	hosts   []string
	// lasting says that the files stay as they are until an input changes.
	lasting bool
}

// Build builds every cluster, writes it unless the run is a dry one, and enters it
// into the report, with what the step from the commit before does to each. The error is
// of what all of them need: each of them has it too.
func (b *Builder) Build(ctx context.Context, out *report.Report) error {
	before, found, err := baseline.Open(ctx, b.Workspace)
	out.Findings = append(out.Findings, found...)
	if err != nil {
		return err
	}
	defer before.Close()
	b.baseline = before
	if b.refused = slices.ContainsFunc(found, func(f finding.Finding) bool { return f.Rule == baseline.RuleRefused }); b.refused && !b.DryRun {
		return nil // it is a step of the whole fleet
	}
	if b.Kept != nil {
		b.built, b.onHosts = cache.NewBuilt(b.Kept, base(b.Workspace), b.Fleet.Names()), hostDigests(b.Workspace)
		defer b.Kept.Keep()
	}
	built := b.Each(ctx, b.write)
	for i := range built {
		workspace.AddCluster(out, b.Clusters[i], built[i].Outcome)
		out.Clusters[len(out.Clusters)-1].Claims = built[i].outside
	}
	claimOthers(b)
	out.Findings = append(out.Findings, b.TwiceClaimed()...)
	if b.Diff && out.Count(report.Changed) > 0 {
		if out.FleetDiff, err = before.Difference(ctx, b.Fleet.File); err != nil {
			return err
		}
	}
	return b.Schemas.Err()
}

// Each builds every cluster, and calls finish with each batch of them. It returns the
// clusters in their order, without the contents of their files.
func (b *Builder) Each(ctx context.Context, finish func(ctx context.Context, clusters []fleet.Cluster, built []Built)) []Built {
	batches := inBatches(b.Clusters, BatchSize, func(c fleet.Cluster) string { return c.Name })
	step, done := b.Step(len(b.Clusters)), atomic.Int64{}
	results := workspace.Each(ctx, batchesAtOnce, batches, func(ctx context.Context, clusters []fleet.Cluster) []Built {
		built := b.stages(ctx, clusters, func(c fleet.Cluster) { step(int(done.Add(1)), c) })
		finish(ctx, clusters, built)
		for i := range built {
			built[i].Forget()
		}
		return built
	}, nil)
	for i := range results {
		if results[i] == nil { // the run was interrupted
			results[i] = make([]Built, len(batches[i]))
		}
	}
	return slices.Concat(results...)
}

// write writes the clusters of a batch, and notes what was built.
func (b *Builder) write(ctx context.Context, clusters []fleet.Cluster, built []Built) {
	var plans []tree.Plan
	var of []int
	for i := range built {
		if built[i].Usable() && !built[i].Plan.Empty() && !b.DryRun {
			plans, of = append(plans, built[i].Plan), append(of, i)
		}
	}
	for i, err := range tree.WriteAll(ctx, b.Disk, plans) {
		built[of[i]].Err = err
	}
	for i := range built {
		b.keepBuilt(clusters[i], &built[i])
	}
}

// kinds gathers the kinds without a namespace that each cluster deploys.
type kinds struct {
	mu sync.Mutex
	by map[string][]string
}

func (k *kinds) put(cluster string, of []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil {
		k.by = map[string][]string{}
	}
	k.by[cluster] = of
}

// Kinds returns the kinds without a namespace that each cluster of the fleet deploys:
// of those that were built, or in the lock of a cluster that was not.
func (b *Builder) Kinds() (map[string][]string, error) {
	for _, c := range b.Fleet.Clusters {
		if _, built := b.kinds.by[c.Name]; built {
			continue
		}
		lock, _, err := tree.ReadLock(b.Disk, c.Name) // a bad lock has its finding
		if err != nil {
			return nil, err
		}
		if lock != nil {
			b.kinds.put(c.Name, lock.ClusterScoped)
		}
	}
	return b.kinds.by, nil
}
