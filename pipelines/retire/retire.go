// Package retire takes clusters away: in steps that a person goes, and from git once
// their specs are gone.
package retire

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/pipelines/argocd"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/report"
	"kasou/pipelines/workspace"
)

const (
	// RuleRetireByHand: spec.retire cannot be written by kasou.
	RuleRetireByHand finding.Rule = "retire-by-hand"
	// RuleStillGuarded: a cluster leaves git whose Application is still guarded.
	RuleStillGuarded finding.Rule = "retire-still-guarded"
)

// Lead leads one cluster out of the fleet: it writes retire: true into the
// spec, unless DryRun is set, and reports what is left to do, in order. With live
// it looks at the host, too, and changes nothing there; without, what only the
// host knows is unknown.
func Lead(ctx context.Context, o workspace.Options, name string, live bool) (*report.Report, error) {
	out := &report.Report{Command: "retire", DryRun: o.DryRun}
	if err := workspace.Sweep(ctx, &o); err != nil {
		return nil, err
	}
	r, err := workspace.Open(o, out)
	if err != nil || r == nil {
		return workspace.Sorted(out), err
	}
	defer r.Close()
	l := leaving{Workspace: r, out: out, name: name}
	l.cluster, l.known = r.Fleet.Cluster(name)
	retired := slices.Contains(r.Fleet.Retired, name)
	if !l.known && !retired && r.Committed(l.application()) == nil && !live {
		return nil, &workspace.UnknownClusterError{Name: name, Known: append(r.Fleet.Names(), r.Fleet.Retired...)}
	}
	if l.known {
		if err := l.say(ctx); err != nil || out.Findings.Failed() {
			return workspace.Sorted(out), err
		}
	}
	if live {
		l.look(ctx)
	}
	l.steps(retired)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return workspace.Sorted(out), nil
}

// leaving is a cluster on its way out.
type leaving struct {
	*workspace.Workspace
	out  *report.Report
	name string
	// cluster is the one of the fleet; known is false once its spec is gone.
	cluster fleet.Cluster
	known   bool
	// written says that this run wrote retire: true.
	written bool
	// seen is nil where the host was not asked, or did not answer.
	seen *onTheHost
}

// onTheHost is what the host has of a cluster that leaves.
type onTheHost struct {
	application, registration, namespace *unstructured.Unstructured
	// into are the Applications that deploy into the virtual cluster.
	into []string
}

func (l *leaving) application() string { return l.Paths(l.name).Application() }

// say writes retire: true into the spec.
func (l *leaving) say(ctx context.Context) error {
	if l.cluster.Spec.Retire {
		return nil
	}
	edit, err := l.cluster.SetRetire()
	if err != nil {
		l.out.Findings = append(l.out.Findings, l.cluster.Finding(finding.Error, RuleRetireByHand, []string{"spec"}, err.Error(), "Write it, and run kasou retire "+l.name+" again."))
		return nil
	}
	if err := workspace.Rewrite(ctx, l.Workspace, l.out, map[string]fleet.Edit{edit.File: edit}); err != nil {
		return err
	}
	l.written = true
	return nil
}

// look asks the host. One that does not answer leaves everything unknown.
func (l *leaving) look(ctx context.Context) {
	seen, err := l.ask(ctx)
	if err != nil {
		workspace.Unfinished(l.out, l.name, err)
		return
	}
	l.seen = seen
}

func (l *leaving) ask(ctx context.Context) (*onTheHost, error) {
	argocds, err := l.Hosts.ArgoCD()
	if err != nil {
		return nil, err
	}
	asked, err := argocds.Open()
	if err != nil {
		return nil, l.Hosts.By(argocds, err)
	}
	seen := &onTheHost{}
	namespace := l.Fleet.Spec.ArgoCD.Namespace
	server := ""
	if l.known {
		server, _ = argocd.ClusterServer(l.cluster)
		on := l.Hosts.Of(l.cluster)
		host, err := on.Open()
		if err != nil {
			return nil, l.Hosts.By(on, err)
		}
		if seen.namespace, err = object(ctx, host, "v1", "Namespace", "", l.cluster.Spec.Namespace); err != nil {
			return nil, err
		}
	}
	if seen.application, err = object(ctx, asked, "argoproj.io/v1alpha1", "Application", namespace, l.name); err != nil {
		return nil, err
	}
	secret := argocd.SecretName(fleet.Cluster{Name: l.name})
	if seen.registration, err = object(ctx, asked, "bitnami.com/v1alpha1", "SealedSecret", namespace, secret); err != nil {
		return nil, err
	}
	destinations, err := host.Destinations(ctx, asked)
	for _, d := range destinations {
		if d.Cluster == l.name || server != "" && d.Server == server {
			seen.into = append(seen.into, d.Namespace+"/"+d.Name)
		}
	}
	slices.Sort(seen.into)
	return seen, err
}

// object returns the host's object, or nil where it has none. A kind that the host
// does not know is an error: this is not a host of an Argo CD.
func object(ctx context.Context, asked *host.Host, version, kind, namespace, name string) (*unstructured.Unstructured, error) {
	want := &unstructured.Unstructured{}
	want.SetAPIVersion(version)
	want.SetKind(kind)
	want.SetNamespace(namespace)
	want.SetName(name)
	return asked.Object(ctx, want)
}

// steps reports what is done and what is left, in the order in which it has to
// be done.
func (l *leaving) steps(retired bool) {
	spec := l.Paths(l.name).Spec()
	l.step("retire", !l.known || l.cluster.Spec.Retire || l.written && !l.DryRun, "Write retire: true into "+spec+".",
		map[bool]string{true: "written into " + spec, false: "the spec says so, or is gone"}[l.written])
	if l.seen == nil {
		l.unknown("applications", "Delete the Applications that deploy into the virtual cluster, or take it out of their ApplicationSet. kasou retire "+l.name+" --live looks for them.")
	} else {
		l.step("applications", len(l.seen.into) == 0, "Delete the Applications that deploy into the virtual cluster, or take it out of their ApplicationSet: "+strings.Join(l.seen.into, ", ")+".",
			"none deploys into the virtual cluster")
	}
	l.step("build", !l.known || !l.guardedInGit(), "Run kasou build "+l.name+", commit and merge: it lifts the guards in git.", "the files have no guards any more")
	l.guardsOnHost()
	l.step("spec", !l.known && !retired && l.Committed(l.application()) == nil,
		"Delete "+spec+", run kasou build, commit and merge.", "git does not have the cluster any more")
	l.gone()
}

func (l *leaving) guardsOnHost() {
	if l.seen == nil {
		l.unknown("guards", "Wait until Argo CD has synced the app of apps and the Application "+l.name+". kasou retire "+l.name+" --live looks.")
		return
	}
	var guarded []string
	for what, o := range map[string]*unstructured.Unstructured{"the Application": l.seen.application, "the SealedSecret cluster-" + l.name: l.seen.registration} {
		if o != nil && argocd.Guarded(o.GetAnnotations(), argocd.PruneGuard) {
			guarded = append(guarded, what)
		}
	}
	ns := l.seen.namespace
	if ns != nil && l.known && l.cluster.Spec.ArgoCD.Deletion == fleet.Cascade && argocd.Guarded(ns.GetAnnotations(), argocd.DeleteGuard) {
		guarded = append(guarded, "the Namespace "+ns.GetName())
	}
	slices.Sort(guarded)
	advice := "Wait until Argo CD has synced them; guarded on the host: " + strings.Join(guarded, ", ") + "."
	if !l.known {
		advice = "They left git before their guards were lifted. Bring the spec back with retire: true and build, or delete them by hand, in this order: " + strings.Join(guarded, ", ") + "."
	}
	l.step("guards", len(guarded) == 0, advice, "the host has no guards any more")
}

// gone reports what Argo CD removes by itself once the spec is gone.
func (l *leaving) gone() {
	if l.seen == nil {
		l.unknown("vcluster", "Argo CD removes the Application; with deletion: cascade everything that it deployed goes with it.")
		l.unknown("secret", "Argo CD removes the cluster Secret.")
		return
	}
	l.step("vcluster", l.seen.application == nil, "Argo CD removes the Application once the spec is gone; with deletion: cascade everything that it deployed goes with it.",
		"the Application is gone; with deletion: orphan the virtual cluster runs on in its Namespace until somebody deletes that")
	l.step("secret", l.seen.registration == nil, "Argo CD removes the cluster Secret once the spec is gone.", "the cluster Secret is gone")
}

func (l *leaving) step(name string, done bool, todo, said string) {
	s := report.Step{Name: name, State: report.StepDone, Detail: said}
	if !done {
		s.State, s.Detail = report.StepNext, todo
		if slices.ContainsFunc(l.out.Steps, func(s report.Step) bool { return s.State == report.StepNext }) {
			s.State = report.StepLater
		}
	}
	l.out.Steps = append(l.out.Steps, s)
}

func (l *leaving) unknown(name, detail string) {
	l.out.Steps = append(l.out.Steps, report.Step{Name: name, State: report.StepUnknown, Detail: detail})
}

// guardedInGit reports whether a file in root/ has its guards, or is not there.
func (l *leaving) guardedInGit() bool {
	application := l.Committed(l.application())
	return application == nil || argocd.Read(application).Guarded || argocd.Read(l.Committed(l.Paths(l.name).Registration())).Guarded
}
