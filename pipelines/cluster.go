package pipelines

import (
	"context"
	"path"

	"kasou/pipelines/argocd"
	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
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
	findings finding.List
	// unknown are errors about files that are not kasou's. They fail the run and
	// keep nothing of kasou's from being written.
	unknown finding.List
	// source and inputs are digests of what the files come from: the texts and the
	// chart, and what those say.
	source, inputs string
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
	if o.usable() {
		o = r.stages(ctx, c, lock)
	}
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
func (r *run) stages(ctx context.Context, c fleet.Cluster, lock *tree.Lock) outcome {
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
	hostLock, found, err := r.serviceRange.resolve(ctx, r.Options, r.fleet, &c, lock)
	if !keep(found, err) {
		return o
	}
	if found, same := r.unchanged(c, ch, lock); same {
		o.findings = append(o.findings, found...)
		return o
	}
	values, found, err := r.hide(ctx, &c)
	if !keep(found, err) {
		return o
	}
	files, found, err := r.files(ctx, c, ch, lock, values)
	if !keep(found, err) {
		return o
	}
	o.lasting = r.lasting(files)
	o.source = source(c, ch)
	if o.inputs, err = inputs(c, ch); !keep(nil, err) {
		return o
	}
	wanted := tree.Wanted{Cluster: c.Name, Files: files, Lock: tree.Lock{Chart: pin, Inputs: o.inputs, Host: hostLock}}
	o.plan, found, err = r.disk.Compare(ctx, wanted)
	if keep(found, err) {
		o.reasons = reasons(lock, wanted.Lock, o.plan)
	}
	return o
}

func chartLock(l *tree.Lock) *tree.ChartLock {
	if l == nil {
		return nil
	}
	return &l.Chart
}

// inputs gives the digest of everything that the files are made from.
func inputs(c fleet.Cluster, ch toolchain.Chart) (string, error) {
	spec, err := c.Digest()
	if err != nil {
		return "", err
	}
	return tree.Digest([]byte(spec + "\n" + ch.Digest + "\n")), nil
}

// files gives all generated files of a cluster but its lock: values, rendered
// manifests, kasou's own objects, every Secret sealed, every document valid.
// With a finding that is an error there are none.
func (r *run) files(ctx context.Context, c fleet.Cluster, ch toolchain.Chart, lock *tree.Lock, h hidden) (tree.Files, finding.List, error) {
	files, findings, err := r.filesOnce(ctx, c, ch, lock, h, true)
	if err == nil && findings.Failed() {
		// What helm says of it comes first.
		return r.filesOnce(ctx, c, ch, lock, h, false)
	}
	return files, findings, err
}

// release is what a cluster is to helm.
func (r *run) release(c fleet.Cluster, ch toolchain.Chart, values []byte) toolchain.Release {
	return toolchain.Release{
		Name: c.Name, Namespace: c.Spec.Namespace,
		Chart: ch, KubeVersion: r.fleet.Spec.Host.KubernetesVersion, Values: values,
	}
}

func (r *run) filesOnce(ctx context.Context, c fleet.Cluster, ch toolchain.Chart, lock *tree.Lock, h hidden, willValidate bool) (tree.Files, finding.List, error) {
	plan, findings := vcluster.Plan(c, ch)
	if findings.Failed() {
		return nil, findings, nil
	}
	values, err := vcluster.MarshalValues(plan.Values)
	if err != nil {
		return nil, findings, err
	}
	release := r.release(c, ch, values)
	release.WillValidate = willValidate
	rendered, found, err := render.Manifests(ctx, r.Toolchain, c, release)
	findings = append(findings, found...)
	if err != nil || findings.Failed() {
		return nil, findings, err
	}
	files, found, err := argocd.Objects(r.fleet, c, extras(plan.Objects))
	findings = append(findings, found...)
	if err != nil || findings.Failed() {
		return nil, findings, err
	}
	manifest := func(name string) string { return path.Join(r.Dir, c.Name, "manifests", name) }
	for name, data := range rendered {
		files[manifest(name)] = data
	}
	files, found, err = r.sealRendered(ctx, h, ch, plan.Values, files, manifest, lock)
	findings = append(findings, found...)
	if err != nil || findings.Failed() {
		return nil, findings, err
	}
	if found = r.keepRegistration(c, lock, files); found != nil {
		return nil, append(findings, found...), nil
	}
	found, err = r.conform(ctx, c, files)
	files[path.Join(r.Dir, c.Name, "values.yaml")] = values
	return files, append(append(findings, found...), h.plain(files)...), err
}

// conform validates files, by schemas that are made ready when the first cluster
// needs them.
func (r *run) conform(ctx context.Context, c fleet.Cluster, files tree.Files) (finding.List, error) {
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
