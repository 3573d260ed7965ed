package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"kasou/pipelines/argocd"
	"kasou/pipelines/conform"
	"kasou/pipelines/extra"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/origin"
	"kasou/pipelines/policy"
	"kasou/pipelines/register"
	"kasou/pipelines/render"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
	"kasou/pipelines/vcluster"
	"kasou/pipelines/workspace"
)

// work is one cluster on its way through the stages.
type work struct {
	Built
	cluster fleet.Cluster
	// lock is the one on disk, nil where there is none; unreadable says that nobody
	// knows which files are kasou's.
	lock       *lockfile.Lock
	unreadable bool
	chart      toolchain.Chart
	pin        lockfile.ChartLock
	host       lockfile.HostLock
	extras     extra.Extras
	secrets    secretValues
	// done says that no stage has anything to do any more.
	done bool
	made
}

// made is what the stages from render on have made.
type made struct {
	values   map[string]any
	objects  []vcluster.Object
	release  toolchain.Release
	rendered manifest.Files
	files    manifest.Set
	variants *seal.SecretValues
	// waits says that Secrets are to be sealed with those of the batch.
	waits bool
	// sealedFiles are the rendered files with something sealed in them, and statements
	// are about what is sealed.
	sealedFiles []string
	statements  map[string]lockfile.SealLock
	// invalid are the findings of the validation.
	invalid finding.List
	// clusterScoped are the kinds without a namespace among the objects.
	clusterScoped []string
}

// take is Keep for a stage that does not ask whether to go on.
func (w *work) take(ctx context.Context, found finding.List, err error) { _ = w.Keep(ctx, found, err) }

// going returns the works that the next stage is to take.
func going(works []*work) []*work {
	return slices.DeleteFunc(slices.Clone(works), func(w *work) bool { return w.done || !w.Usable() })
}

// batch makes the files of several clusters at once.
type batch struct{ *Builder }

// each runs a stage on the works that it is to take.
func (b batch) each(ctx context.Context, works []*work, stage func(context.Context, *work) (finding.List, error)) {
	workspace.Each(ctx, b.Jobs, going(works), func(ctx context.Context, w *work) struct{} {
		found, err := stage(ctx, w)
		w.take(ctx, found, err)
		return struct{}{}
	}, nil)
}

// stages takes clusters through the stages up to the comparison with disk, and looks for
// files that nobody vouches for. step hears of each cluster that is done.
func (b *Builder) stages(ctx context.Context, clusters []fleet.Cluster, step func(fleet.Cluster)) []Built {
	works := workspace.Each(ctx, b.Jobs, clusters, b.begin, nil)
	batch{b}.makeFiles(ctx, works)
	built := workspace.Each(ctx, b.Jobs, works, b.compare, func(_ int, w *work) { step(w.cluster) })
	if ctx.Err() != nil {
		return make([]Built, len(clusters)) // nobody knows how far each came
	}
	return built
}

// begin reads what a cluster is made from. A cluster that is as the last build left it
// is done.
func (b *Builder) begin(ctx context.Context, c fleet.Cluster) *work {
	w := &work{cluster: c}
	w.Cluster = c.Name
	var found finding.List
	var err error
	var known *lockfile.Lock
	if b.Fleet.Cached {
		known = b.built.Lock(c.Name)
	}
	w.lock, found, err = tree.RereadLock(b.Disk, c.Name, known)
	if !w.Keep(ctx, found, err) {
		w.unreadable = true
		return w
	}
	if !w.Keep(ctx, b.Certificates.Refused(c), nil) {
		return w
	}
	w.chart, w.pin, found, err = b.Charts.Fetch(ctx, c, chartLock(w.lock))
	if !w.Keep(ctx, found, err) {
		return w
	}
	w.extras, found, err = extra.Read(b.Disk, c)
	if !w.Keep(ctx, found, err) {
		return w
	}
	w.host, found, err = b.Resolve(ctx, &w.cluster, w.lock)
	if !w.Keep(ctx, found, err) {
		return w
	}
	if found, same := b.unchanged(w); same {
		b.kinds.put(c.Name, w.lock.ClusterScoped)
		w.Findings, w.done = append(w.Findings, found...), true
		return w
	}
	if b.Fleet.Cached {
		w.Keep(ctx, nil, errChanged)
		return w
	}
	w.secrets, found, err = valueSource{b.Workspace}.fill(ctx, &w.cluster)
	w.take(ctx, found, err)
	return w
}

// errChanged is of a cluster that is not as it was built, in a run that takes from the cache
// what the files say.
var errChanged = errors.New("not as it was built")

func chartLock(l *lockfile.Lock) *lockfile.ChartLock {
	if l == nil {
		return nil
	}
	return &l.Chart
}

// makeFiles makes all generated files of the clusters but their locks: values, rendered
// manifests, extras, kasou's own objects, every Secret sealed, every document valid and
// allowed. A cluster with a finding that is an error is not usable then.
func (b batch) makeFiles(ctx context.Context, works []*work) {
	works = going(works)
	before := make([]int, len(works))
	for i, w := range works {
		before[i] = len(w.Findings)
	}
	b.makeOnce(ctx, works, true)
	var again []*work
	for i, w := range works {
		if w.Err == nil && w.Findings.Failed() {
			// What helm says of it comes first.
			w.Findings, w.made = w.Findings[:before[i]], made{}
			again = append(again, w)
		}
	}
	b.makeOnce(ctx, again, false)
	workspace.Each(ctx, b.Jobs, again, func(ctx context.Context, w *work) struct{} {
		b.point(ctx, w)
		return struct{}{}
	}, nil)
}

// point puts findings about rendered files, which are not written, at the values of the
// spec that they come from, and a certificate that is missing at fleet.yaml.
func (b batch) point(ctx context.Context, w *work) {
	if w.Err != nil || !w.Findings.Failed() || w.release.Name == "" {
		return
	}
	for i, f := range w.Findings {
		if f.Rule == seal.RuleNoCertificate {
			w.Findings[i] = b.Fleet.Finding(f.Severity, f.Rule, b.Fleet.Spec.CertificateOf(w.cluster.Spec.Host).Field, f.Message+", in "+f.Position(), f.Hint)
			w.Findings[i].Cluster = w.Cluster
		}
	}
	schemas, err := b.Schemas.Ready(w.cluster.Spec.Host)
	if err == nil {
		w.Findings, err = origin.Point(ctx, b.Toolchain, schemas, origin.Request{
			Cluster: w.cluster, Release: w.release, Findings: w.Findings, Folder: b.Paths(w.Cluster).Manifest(),
		})
	}
	w.take(ctx, nil, err)
}

// makeOnce is makeFiles. willValidate lets the toolchain leave to the validation what it
// would find itself.
func (b batch) makeOnce(ctx context.Context, works []*work, willValidate bool) {
	b.each(ctx, works, func(_ context.Context, w *work) (finding.List, error) { return w.valued(b.Fleet, willValidate) })
	b.render(ctx, going(works))
	b.each(ctx, works, b.assemble)
	b.seal(ctx, works)
	b.each(ctx, works, b.prove)
	b.validate(ctx, going(works))
	b.each(ctx, works, b.admit)
}

// valued makes the values, and what the cluster is to Helm.
func (w *work) valued(f *fleet.Fleet, willValidate bool) (finding.List, error) {
	plan, found := vcluster.Plan(w.cluster, w.chart)
	if found.Failed() {
		return found, nil
	}
	values, err := vcluster.MarshalValues(plan.Values)
	w.values, w.objects = plan.Values, plan.Objects
	w.release = toolchain.Release{
		Name: w.cluster.Name, Namespace: w.cluster.Spec.Namespace, Chart: w.chart,
		KubeVersion: f.Spec.HostOf(w.cluster.Spec.Host).KubernetesVersion, Values: values, Helm: f.Spec.Helm, WillValidate: willValidate,
	}
	return found, err
}

func (b batch) render(ctx context.Context, works []*work) {
	jobs := make([]render.Job, len(works))
	for i, w := range works {
		jobs[i] = render.Job{Cluster: w.cluster, Release: w.release}
	}
	for i, r := range render.Manifests(ctx, b.Toolchain, jobs...) {
		works[i].rendered = r.Files
		works[i].take(ctx, r.Findings, r.Err)
	}
}

// assemble puts what was rendered and kasou's own objects together.
func (b batch) assemble(ctx context.Context, w *work) (finding.List, error) {
	var own []argocd.Extra
	for _, o := range w.objects {
		own = append(own, argocd.Extra{File: o.File, Object: o.Manifest})
	}
	files, found, err := argocd.Objects(b.Fleet, w.cluster, own)
	if err != nil || found.Failed() {
		return found, err
	}
	at := func(name string) string { return b.Paths(w.Cluster).Manifest(name) }
	for name, data := range w.rendered {
		files.Add(manifest.Rendered, at(name), data)
	}
	w.files = files
	variants, more, err := valueSource{b.Workspace}.variants(ctx, w.secrets, w.release, w.values, files, at)
	w.variants = variants
	return append(found, more...), err
}

// seal puts a SealedSecret in the place of every Secret. What has to be sealed is, for
// the whole batch, by one call of the tool.
func (b batch) seal(ctx context.Context, works []*work) {
	var secrets seal.Batch
	b.each(ctx, works, func(ctx context.Context, w *work) (finding.List, error) { return b.sealWith(ctx, w, &secrets) })
	if !secrets.Answer(ctx, b.Toolchain) {
		return
	}
	waiting := slices.DeleteFunc(slices.Clone(works), func(w *work) bool { return !w.waits })
	b.each(ctx, waiting, func(ctx context.Context, w *work) (finding.List, error) { return b.sealWith(ctx, w, &secrets) })
}

// sealWith seals one cluster's Secrets with what secrets has, or notes that it waits.
func (b batch) sealWith(ctx context.Context, w *work, secrets *seal.Batch) (finding.List, error) {
	sealer := workspace.RenderedSealer(b.Workspace, w.cluster, w.lock, func(o *seal.Options) { o.Tool = secrets })
	files, found, err := sealer.Rendered(ctx, w.cluster, w.files, w.variants, b.Committed)
	if w.waits = errors.Is(err, seal.ErrGathered); w.waits {
		return nil, nil
	}
	w.files, w.sealedFiles = files, files.Of(manifest.Sealed)
	return b.Trust.Proven(w.cluster, w.lock, files, found), err
}

// prove verifies what is sealed by its signature, and adds the registration.
func (b batch) prove(_ context.Context, w *work) (finding.List, error) {
	var found finding.List
	if w.statements, found = b.Trust.ProveRendered(w.cluster, w.lock, b.Certificates.Of(w.cluster.Spec.Host), w.sealedFiles, w.files); found.Failed() {
		return found, nil
	}
	return append(found, register.Registrar{Workspace: b.Workspace}.Keep(w.cluster, w.lock, w.files, w.statements)...), nil
}

// validate holds every document to its schema. An extra is validated as the person
// wrote it, so that findings stand there.
func (b batch) validate(ctx context.Context, works []*work) {
	byVersion := map[string][]*work{}
	for _, w := range works {
		version := w.release.KubeVersion
		byVersion[version] = append(byVersion[version], w)
	}
	for _, version := range slices.Sorted(maps.Keys(byVersion)) {
		b.validateFor(ctx, byVersion[version])
	}
}

// validateFor is validate for clusters whose hosts have one version of Kubernetes.
func (b batch) validateFor(ctx context.Context, works []*work) {
	schemas, err := b.Schemas.Ready(works[0].cluster.Spec.Host)
	if err != nil {
		for _, w := range works {
			w.Err = err
		}
		return
	}
	jobs := make([]conform.Job, len(works))
	for i, w := range works {
		jobs[i] = conform.Job{Cluster: w.cluster, Files: maps.Clone(w.files)}
		maps.Copy(jobs[i].Files, w.extras.Files)
	}
	for i, r := range conform.Check(ctx, b.Toolchain, schemas, jobs...) {
		works[i].invalid, works[i].Err = r.Value, r.Err
	}
}

// admit holds the objects that the chart rendered and the extras to the policy, and adds
// the extras' files and values.yaml. Its findings are the validation's, too.
func (b batch) admit(_ context.Context, w *work) (finding.List, error) {
	findings := w.invalid
	var judged, beside []manifest.Document
	for _, d := range w.files.Documents() {
		switch {
		case d.Role == manifest.Rendered, d.Role == manifest.Sealed:
			judged = append(judged, d)
		case d.Role == manifest.Namespace && d.Head.Kind != "Namespace":
			beside = append(beside, d)
		}
	}
	objects, err := policy.Objects(append(judged, w.extras.Objects...))
	if err != nil && !findings.Failed() {
		return findings, err
	}
	made, err := policy.Objects(beside)
	if err != nil {
		return findings, err
	}
	scopes := scopesOf(b.Workspace)
	own, err := w.extras.Manifests(b.Dir, w.cluster, func(fields map[string]any) bool { return scopes.Namespaced(policy.KindOf(fields)) })
	if err != nil {
		return findings, err
	}
	for name, data := range own {
		if _, taken := w.files[name]; taken {
			return findings, fmt.Errorf("%s: the chart renders a file of this name, too", name)
		}
		w.files.Add(manifest.Extra, name, data) // with its objects: the plan compares them
	}
	request := policy.Request{Cluster: w.cluster, Scopes: scopes, Endpoints: b.endpoints, Own: b.own, Objects: objects, Beside: made}
	for _, kind := range vcluster.ClusterScoped(w.chart.Name) {
		request.ClusterScoped = append(request.ClusterScoped, policy.ParseKind(kind))
	}
	result := policy.Check(request)
	w.outside, w.hosts = result.Outside, result.Hosts
	b.Claim(w.Cluster, w.outside)
	w.clusterScoped = []string{"Namespace"} // kasou's own, or that of CreateNamespace
	for _, kind := range result.ClusterScoped {
		w.clusterScoped = append(w.clusterScoped, kind.String())
	}
	slices.Sort(w.clusterScoped)
	w.clusterScoped = slices.Compact(w.clusterScoped)
	values := b.Paths(w.Cluster).Values()
	w.files[values] = manifest.File{Path: values, Role: manifest.Values, Bytes: w.release.Values}
	return slices.Concat(findings, result.Findings, w.secrets.plain(w.files)), nil
}

// compare compares the files with the disk, and says what the plan means.
func (b *Builder) compare(ctx context.Context, w *work) Built {
	if !w.done && w.Usable() && ctx.Err() == nil {
		b.compareFiles(ctx, w)
	}
	if w.unreadable || ctx.Err() != nil {
		return w.Built
	}
	var err error
	if w.Unknown, err = unknownFiles(b.Workspace, w); w.Err == nil {
		w.Err = err
	}
	b.Count(&w.Outcome)
	if !w.Usable() || w.Plan.Empty() {
		return w.Built
	}
	w.Findings = append(w.Findings, b.judge(w.Plan)...)
	if b.Diff {
		w.Diff, w.Err = b.baseline.Difference(ctx, w.cluster.File)
		w.Diff += b.Difference(w.Plan)
	}
	return w.Built
}

func (b *Builder) compareFiles(ctx context.Context, w *work) {
	b.kinds.put(w.Cluster, w.clusterScoped)
	_, registered := w.files[b.Paths(w.Cluster).Registration()]
	if w.sealed = registered || len(w.sealedFiles) > 0; w.sealed {
		b.sealed.Store(true)
	}
	w.lasting, w.source = lasting(b.Certificates, w.cluster, w.files), w.sourceDigest()
	var err error
	if w.inputs, err = w.inputsDigest(); !w.Keep(ctx, nil, err) {
		return
	}
	wanted := tree.Wanted{Cluster: w.Cluster, Files: w.files.Files(), Known: w.lock, Lock: lockfile.Lock{
		Chart: w.pin, Inputs: w.inputs, Host: w.host, ClusterScoped: w.clusterScoped, Sealed: w.statements,
	}}
	var found finding.List
	w.Plan, found, err = tree.Compare(ctx, b.Disk, wanted)
	if !w.Keep(ctx, found, err) {
		return
	}
	w.Reasons = reasons(w.lock, wanted.Lock, w.Plan, w.files)
	w.Steps, found, err = b.baseline.Steps(ctx, w.cluster, w.chart, w.files, w.Plan)
	if !w.Keep(ctx, found, err) && !b.OnlyLooks {
		w.Plan = tree.Plan{Cluster: w.Cluster} // nothing of it is written
	}
}

// unknownFiles returns a finding for each file of the cluster that Argo CD would deploy
// and kasou does not vouch for: in its manifests folder, and in place of its
// registration.
func unknownFiles(b *workspace.Workspace, w *work) (finding.List, error) {
	known := map[string]bool{}
	if w.lock != nil {
		for p := range w.lock.Files {
			known[b.Dir+"/"+p] = true
		}
	}
	if !w.done && w.Usable() {
		// A lock that lost the line of a file which is as it has to be gets it again. What
		// is sealed cannot be computed: without its line nobody vouches for it.
		for p, f := range w.files {
			known[p] = known[p] || f.Role != manifest.Sealed && p != b.Paths(w.Cluster).Registration()
		}
	}
	for _, change := range w.Plan.Changes {
		known[change.Path] = known[change.Path] || change.New != nil
	}
	for _, f := range w.Findings {
		known[f.File] = known[f.File] || f.Severity == finding.Error // it has its finding
	}
	found, err := tree.Unknown(b.Disk, w.Cluster, b.Paths(w.Cluster).Manifest(), func(p string) bool { return known[p] })
	registration := b.Paths(w.Cluster).Registration()
	if err != nil || known[registration] {
		return found, err
	}
	more, err := tree.UnknownFile(b.Disk, w.Cluster, registration)
	return append(found, more...), err
}
