package drift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/live"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// liveJobs is how many clusters are compared with the host at once. They wait
// for its answers; how often it is asked, its QPS bounds.
const liveJobs = 16

// patience is how long an endpoint may take for one answer.
const patience = 10 * time.Second

// liveWatch asks the hosts and Argo CD's cluster, after all that needs none.
type liveWatch struct {
	*watch
	// argocd is the cluster that Argo CD runs in; lost where fleet.yaml does not say how
	// it is reached.
	argocd *workspace.Asked
	// reach asks the endpoints.
	reach *reach
	// shared are the Gateways and IngressClasses that many clusters have in common.
	shared *sharedObjects
}

// at returns a cluster that was opened; nil where it is lost.
func at(a *workspace.Asked) *host.Host {
	if a.Lost() != nil {
		return nil
	}
	asked, err := a.Open()
	if err != nil {
		a.Lose(err)
	}
	return asked
}

// objectKey names an object on the host, whatever version of its kind.
type objectKey struct {
	kind            schema.GroupKind
	namespace, name string
}

// onHost is what was found of one cluster.
type onHost struct {
	host *workspace.Asked
	rows []report.Row
	// diff of the objects, from the host to git.
	diff string
	// objects are those that its Application deploys; kinds are theirs.
	objects map[objectKey]bool
	// leading are the host's objects of the kinds that can lead to the cluster's server.
	leading  map[objectKey]*unstructured.Unstructured
	kinds    map[schema.GroupVersionKind]bool
	tracking live.Tracking
	// marks are how the objects in git are tracked.
	marks []mark
	// managers are the indices of the entries of drift.managers that were needed.
	managers map[int]bool
	// compared says that every object was.
	compared bool
	// proved says that the registration's seal was held against the credential.
	proved bool
}

// liveRows compares the fleet with its hosts and with Argo CD's cluster. One that does
// not answer makes just what it has unknown.
func (w *watch) liveRows(ctx context.Context) {
	l := &liveWatch{watch: w, shared: &sharedObjects{}, reach: newReach(patience)}
	var noWay error
	if l.argocd, noWay = w.Hosts.ArgoCD(); noWay != nil {
		l.argocd = &workspace.Asked{Title: "Argo CD's cluster"}
		l.argocd.Lose(noWay)
		w.out.Drift = append(w.out.Drift, unknown("", report.DriftLive, noWay.Error()+": its Applications and cluster Secrets were not compared"))
	}
	asked := l.Hosts.All()
	if !slices.Contains(asked, l.argocd) {
		asked = append(asked, l.argocd)
	}
	workspace.Each(ctx, liveJobs, asked, func(ctx context.Context, a *workspace.Asked) struct{} {
		if host := at(a); host != nil {
			if err := host.Ping(ctx); err != nil {
				a.Lose(err)
			}
		}
		return struct{}{}
	}, nil)
	if noWay == nil && l.argocd.Lost() != nil && !slices.Contains(l.Hosts.Under(l.Clusters), l.argocd) {
		w.out.Drift = append(w.out.Drift, l.unknownRow(ctx, l.argocd, "", l.argocd.Lost())...)
	}
	for _, a := range l.Hosts.Under(l.Clusters) {
		w.out.Drift = append(w.out.Drift, l.rangeRows(ctx, a)...)
	}
	if w.Shard.Index <= 1 {
		w.out.Drift = append(w.out.Drift, l.controllerRows(ctx)...)
	}
	found := map[string]onHost{}
	for i, on := range workspace.Each(ctx, liveJobs, w.Clusters, l.look, w.Step(len(w.Clusters))) {
		found[w.Clusters[i].Name] = on
	}
	w.out.Drift = slices.DeleteFunc(w.out.Drift, func(r report.Row) bool {
		return r.Rule == seal.RuleUnverifiable && found[r.Cluster].proved && r.File == w.Paths(r.Cluster).Registration()
	})
	for i, c := range w.out.Clusters {
		w.out.Drift = append(w.out.Drift, found[c.Name].rows...)
		w.out.Clusters[i].Diff += found[c.Name].diff
	}
	w.out.Drift = append(w.out.Drift, l.untracked(found)...)
	w.out.Drift = append(w.out.Drift, l.unusedManagers(found)...)
	w.out.Drift = append(w.out.Drift, l.leftovers(ctx, found)...)
}

// rangeRows says where a host does not tell its service range. It need not
// tell clusters in which people wrote it down.
func (l *liveWatch) rangeRows(ctx context.Context, a *workspace.Asked) []report.Row {
	if a.Lost() != nil {
		return nil
	}
	_, err := a.ServiceRange.Ask(ctx, a.Open)
	var untold *host.UnknownRangeError
	auto := func(c fleet.Cluster) bool { return l.Hosts.Of(c) == a && c.Spec.ServiceCIDR == fleet.AutoCIDR }
	if errors.As(err, &untold) && !slices.ContainsFunc(l.Clusters, auto) {
		return nil
	}
	return l.unknownRow(ctx, a, "", err)
}

// unknownRow is for what a cluster did not tell. One that cannot be reached is
// not asked again. Where there are several, it says which.
func (l *liveWatch) unknownRow(ctx context.Context, a *workspace.Asked, cluster string, err error) []report.Row {
	if a.Note(err) == nil || ctx.Err() != nil {
		return nil
	}
	return []report.Row{unknownBy(cluster, report.DriftLive, l.Hosts.By(a, err))}
}

// look compares one cluster with the host.
func (l *liveWatch) look(ctx context.Context, c fleet.Cluster) onHost {
	on := onHost{host: l.Hosts.Of(c), objects: map[objectKey]bool{}, leading: map[objectKey]*unstructured.Unstructured{}, kinds: map[schema.GroupVersionKind]bool{}, managers: map[int]bool{}}
	host := l.Hosts.Of(c)
	if lost := host.Lost(); lost != nil {
		on.rows = l.unknownRow(ctx, host, c.Name, lost)
		if l.argocd.Lost() != nil {
			return on
		}
	}
	files, err := tree.Deployed(l.Disk, c.Name)
	if err != nil {
		on.rows = append(on.rows, unknownBy(c.Name, report.DriftLive, err))
		return on
	}
	lock, _, err := tree.ReadLock(l.Disk, c.Name)
	if err != nil {
		lock = nil // the files' comparison has said so
	}
	for _, f := range host.ServiceRange.Moved(ctx, c, lock, at(host)) {
		on.rows = append(on.rows, rows(c.Name, finding.List{f})...)
	}
	compared := (&objects{liveWatch: l, cluster: c, on: &on, lock: lock}).objectRows(ctx, files)
	on.compared = host.Lost() == nil && l.argocd.Lost() == nil && !slices.ContainsFunc(compared, func(r report.Row) bool { return r.Unknown })
	on.rows = append(on.rows, compared...)
	r := registered{liveWatch: l, cluster: c, lock: lock, files: files, leading: on.leading}
	on.rows = append(on.rows, r.rows(ctx)...)
	on.proved = r.proved
	on.rows = once(on.rows)
	return on
}

// once leaves out what is said twice: one refusal can be that of ten objects.
func once(all []report.Row) []report.Row {
	seen := map[finding.Finding]bool{}
	return slices.DeleteFunc(all, func(r report.Row) bool {
		said := seen[r.Finding]
		seen[r.Finding] = true
		return said
	})
}

// leftovers returns rows for the objects that Argo CD counts to a cluster's
// Application and git does not have.
func (l *liveWatch) leftovers(ctx context.Context, found map[string]onHost) []report.Row {
	var all []report.Row
	used := l.Hosts.Under(l.Clusters)
	// A cluster may have moved from a host on which no other is.
	for _, a := range l.Hosts.All() {
		switch host := at(a); {
		case host != nil:
			all = append(all, l.leftoversOn(ctx, a, host, found)...)
		case !slices.Contains(used, a) && a != l.argocd: // of the others it was said
			all = append(all, l.unknownRow(ctx, a, "", a.Lost())...)
		}
	}
	return all
}

func (l *liveWatch) leftoversOn(ctx context.Context, a *workspace.Asked, asked *host.Host, found map[string]onHost) []report.Row {
	kinds := map[schema.GroupKind]schema.GroupVersionKind{}
	for _, kind := range live.Kinds() {
		kinds[kind.GroupKind()] = kind
	}
	for _, on := range found {
		for kind := range on.kinds {
			kinds[kind.GroupKind()] = kind
		}
	}
	var all []report.Row
	for _, kind := range kinds {
		if a.Lost() != nil || ctx.Err() != nil {
			break
		}
		objects, err := asked.Metadata(ctx, kind)
		if _, ok := errors.AsType[*host.NoKindError](err); ok {
			continue
		}
		all = append(all, l.unknownRow(ctx, a, "", err)...)
		for _, o := range objects {
			for _, app := range live.Apps(kind, o) {
				on, ours := found[app]
				key := objectKey{kind: kind.GroupKind(), namespace: o.Namespace, name: o.Name}
				// What a cluster that moved has left behind is on a host that is not its own.
				if ours && len(on.objects) > 0 && (!on.objects[key] || !same(on.host, asked)) && on.tracking.Claims(app, kind, o) {
					all = append(all, leftover(app, key))
				}
			}
		}
	}
	return once(all) // two hosts may be one cluster
}

// same reports whether a cluster is the one that was asked, maybe by another context.
func same(a *workspace.Asked, asked *host.Host) bool {
	other := at(a)
	return other != nil && other.Server() == asked.Server()
}

func leftover(cluster string, key objectKey) report.Row {
	name := strings.TrimPrefix(key.namespace+"/"+key.name, "/")
	return report.Row{
		Finding: finding.Finding{
			Cluster: cluster, Rule: RuleLiveLeftover, Severity: finding.Error,
			Message: fmt.Sprintf("%s %s is on the host and not in git; Argo CD counts it to the Application", key.kind.Kind, name),
			Hint:    "Look what it is for, and delete it with kubectl: kasou's Applications prune nothing by themselves.",
		},
		Kind: report.DriftLive, Object: key.kind.Kind + " " + name, Repair: report.ByPerson,
	}
}
