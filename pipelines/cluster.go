package pipelines

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"kasou/pipelines/argocd"
	"kasou/pipelines/conform"
	"kasou/pipelines/extra"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/policy"
	"kasou/pipelines/render"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
	"kasou/pipelines/vcluster"
)

// outcome is what the stages gave for one cluster.
type outcome struct {
	cluster  string
	plan     tree.Plan
	reasons  []report.Reason
	steps    []report.Transition
	findings finding.List
	// unknown are errors about files that are not kasou's. They fail the run and
	// keep nothing of kasou's from being written.
	unknown finding.List
	// source and inputs are digests of what the files come from: the texts and the
	// chart, and what those say.
	source, inputs string
	// sealed says that there is something sealed among the files.
	sealed bool
	// lasting says that the files stay as they are until an input changes.
	lasting bool
	// err is why the cluster could not be finished.
	err error
}

// usable says whether the plan may be applied.
func (o outcome) usable() bool { return o.err == nil && !o.findings.Failed() }

// build takes one cluster through the stages up to the comparison with disk, and
// looks for files that nobody vouches for.
func (r *run) build(ctx context.Context, c fleet.Cluster) outcome {
	ctx = toolchain.WithCluster(ctx, c.Name)
	lock, found, err := r.disk.ReadLock(c.Name)
	o := outcome{cluster: c.Name, findings: found, err: err}
	if !o.usable() {
		return o // without its lock, nobody knows which files are kasou's
	}
	o = r.stages(ctx, c, lock)
	if ctx.Err() != nil {
		return o
	}
	o.unknown, err = r.closedCluster(c, lock, o)
	if o.err == nil {
		o.err = err
	}
	return o
}

// stages takes the cluster, with the lock on disk, through the stages.
func (r *run) stages(ctx context.Context, c fleet.Cluster, lock *lockfile.Lock) outcome {
	o := outcome{cluster: c.Name}
	keep := func(found finding.List, err error) bool {
		o.findings = append(o.findings, found...)
		o.err = err
		return o.usable() && ctx.Err() == nil
	}
	ch, pin, found, err := r.Charts.Fetch(ctx, c, chartLock(lock))
	if !keep(found, err) {
		return o
	}
	extras, found, err := extra.Read(r.repo, r.Dir, c)
	if !keep(found, err) {
		return o
	}
	hostLock, found, err := r.serviceRange.resolve(ctx, r.Options, r.fleet, &c, lock)
	if !keep(found, err) {
		return o
	}
	if found, same := r.unchanged(c, ch, extras, lock); same {
		r.kinds.put(c.Name, lock.ClusterScoped)
		o.findings = append(o.findings, found...)
		return o
	}
	values, found, err := r.hide(ctx, &c)
	if !keep(found, err) {
		return o
	}
	made, found, err := r.files(ctx, assembly{cluster: c, chart: ch, extras: extras, lock: lock, hidden: values})
	if !keep(found, err) {
		return o
	}
	r.kinds.put(c.Name, made.clusterScoped)
	if o.sealed = made.holdsSealed; o.sealed {
		r.sealedAny.Store(true)
	}
	o.lasting = r.lasting(made.files)
	o.source = source(c, ch, extras)
	if o.inputs, err = inputs(c, ch, extras); !keep(nil, err) {
		return o
	}
	wanted := tree.Wanted{Cluster: c.Name, Files: made.files.Files(), Known: lock, Lock: lockfile.Lock{
		Chart: pin, Inputs: o.inputs, Host: hostLock, ClusterScoped: made.clusterScoped, Sealed: made.sealed,
	}}
	o.plan, found, err = r.disk.Compare(ctx, wanted)
	if !keep(found, err) {
		return o
	}
	o.reasons = reasons(lock, wanted.Lock, o.plan, made.files)
	o.steps, found, err = r.transition(ctx, c, ch, made.files, o.plan)
	if !keep(found, err) && !r.onlyLooks {
		o.plan = tree.Plan{Cluster: c.Name} // nothing of it is written
	}
	return o
}

func chartLock(l *lockfile.Lock) *lockfile.ChartLock {
	if l == nil {
		return nil
	}
	return &l.Chart
}

// inputs returns the digest of everything that the files are made from.
func inputs(c fleet.Cluster, ch toolchain.Chart, extras extra.Extras) (string, error) {
	spec, err := c.Digest()
	if err != nil {
		return "", err
	}
	return manifest.Digest([]byte(spec + "\n" + ch.Digest + "\n" + extras.Digest())), nil
}

// assembly is what a cluster's files are made from.
type assembly struct {
	cluster fleet.Cluster
	chart   toolchain.Chart
	extras  extra.Extras
	// lock is the one on disk, nil where there is none.
	lock   *lockfile.Lock
	hidden hidden
}

// made is what an assembly came to.
type made struct {
	// files are all but the lock.
	files manifest.Set
	// holdsSealed says that something sealed is among them, and sealed are the
	// statements about it.
	holdsSealed bool
	sealed      map[string]lockfile.SealLock
	// clusterScoped are the kinds without a namespace among the objects.
	clusterScoped []string
}

// files makes all generated files of a cluster but its lock: values, rendered
// manifests, extras, kasou's own objects, every Secret sealed, every document
// valid and allowed. With a finding that is an error there are none.
func (r *run) files(ctx context.Context, a assembly) (made, finding.List, error) {
	m, findings, err := r.filesOnce(ctx, a, true)
	if err == nil && findings.Failed() {
		// What helm says of it comes first.
		return r.filesOnce(ctx, a, false)
	}
	return m, findings, err
}

// release is what a cluster is to helm.
func (r *run) release(c fleet.Cluster, ch toolchain.Chart, values []byte) toolchain.Release {
	return toolchain.Release{
		Name: c.Name, Namespace: c.Spec.Namespace,
		Chart: ch, KubeVersion: r.fleet.Spec.Host.KubernetesVersion, Values: values,
	}
}

func (r *run) filesOnce(ctx context.Context, a assembly, willValidate bool) (m made, findings finding.List, err error) {
	c, ch := a.cluster, a.chart
	keep := func(found finding.List, failed error) bool {
		findings, err = append(findings, found...), failed
		return err == nil && !findings.Failed()
	}
	plan, found := vcluster.Plan(c, ch)
	if !keep(found, nil) {
		return m, findings, err
	}
	values, err := vcluster.MarshalValues(plan.Values)
	if !keep(nil, err) {
		return m, findings, err
	}
	release := r.release(c, ch, values)
	release.WillValidate = willValidate
	rendered, found, err := render.Manifests(ctx, r.Toolchain, c, release)
	if !keep(found, err) {
		return m, findings, err
	}
	files, found, err := argocd.Objects(r.fleet, c, extras(plan.Objects))
	if !keep(found, err) {
		return m, findings, err
	}
	at := func(name string) string { return layout.Of(r.Dir, c.Name).Manifest(name) }
	for name, data := range rendered {
		files.Add(manifest.Rendered, at(name), data)
	}
	var sealed []string
	files, found, err = r.sealRendered(ctx, a.hidden, ch, plan.Values, files, at, a.lock, &sealed)
	if !keep(r.proven(c, a.lock, files, found), err) {
		return m, findings, err
	}
	if m.sealed, found = r.proveRendered(c, a.lock, sealed, files); !keep(found, nil) {
		return m, findings, err
	}
	if found = r.keepRegistration(c, a.lock, files, m.sealed); !keep(found, nil) {
		return m, findings, err
	}
	m.clusterScoped, found, err = r.admit(ctx, a, files)
	keep(found, err)
	valuesFile := layout.Of(r.Dir, c.Name).Values()
	files[valuesFile] = manifest.File{Path: valuesFile, Role: manifest.Values, Bytes: values}
	findings = append(findings, a.hidden.plain(files)...)
	_, registered := files[r.registration(c.Name)]
	m.files, m.holdsSealed = files, len(sealed) > 0 || registered
	return m, findings, err
}

// admit validates every document of files, and holds those that the chart rendered
// and the extras to the policy. It adds the extras' files. It returns the kinds
// without a namespace among all objects.
func (r *run) admit(ctx context.Context, a assembly, files manifest.Set) ([]string, finding.List, error) {
	// An extra is validated as the person wrote it, so that findings stand there.
	checked := maps.Clone(files)
	maps.Copy(checked, a.extras.Files)
	findings, err := r.conform(ctx, a.cluster, checked)
	if err != nil {
		return nil, findings, err
	}
	var judged []manifest.Document
	for _, d := range files.Documents() {
		if d.Role == manifest.Rendered || d.Role == manifest.Sealed {
			judged = append(judged, d)
		}
	}
	objects, err := policy.Objects(append(judged, a.extras.Objects...))
	if err != nil && !findings.Failed() {
		return nil, findings, err
	}
	scopes := policy.Scopes{}
	for _, s := range r.schemas.Scopes() {
		scopes[policy.Kind{Group: s.Group, Kind: s.Kind}] = s.Cluster
	}
	own, err := a.extras.Manifests(r.Dir, a.cluster, func(fields map[string]any) bool { return scopes.Namespaced(policy.KindOf(fields)) })
	if err != nil {
		return nil, findings, err
	}
	for name, data := range own {
		if _, taken := files[name]; taken {
			return nil, findings, fmt.Errorf("%s: the chart renders a file of this name, too", name)
		}
		files[name] = manifest.File{Path: name, Role: manifest.Extra, Bytes: data}
	}
	request := policy.Request{Cluster: a.cluster, Scopes: scopes, Objects: objects}
	for _, kind := range vcluster.ClusterScoped(a.chart.Name) {
		request.ClusterScoped = append(request.ClusterScoped, policy.ParseKind(kind))
	}
	result := policy.Check(request)
	kinds := []string{"Namespace"} // kasou's own, or that of CreateNamespace
	for _, kind := range result.ClusterScoped {
		kinds = append(kinds, kind.String())
	}
	slices.Sort(kinds)
	return slices.Compact(kinds), append(findings, result.Findings...), nil
}

// conform validates files, by schemas that are made ready when the first cluster
// needs them.
func (r *run) conform(ctx context.Context, c fleet.Cluster, files manifest.Set) (finding.List, error) {
	schemas, err := r.schemas.Ready()
	if err != nil {
		return nil, err
	}
	return conform.Check(ctx, r.Toolchain, schemas, c, files)
}

func extras(objects []vcluster.Object) []argocd.Extra {
	var all []argocd.Extra
	for _, o := range objects {
		all = append(all, argocd.Extra{File: o.File, Object: o.Manifest})
	}
	return all
}
