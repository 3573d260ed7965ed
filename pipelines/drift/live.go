package drift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/live"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/workspace"
)

// liveJobs is how many clusters are compared with the host at once. They wait
// for its answers; how often it is asked, its QPS bounds.
const liveJobs = 16

// liveWatch asks the host, after all that needs none.
type liveWatch struct {
	*watch
	asked *host.Host
	// shared are the Gateways and IngressClasses that many clusters have in common.
	shared *sharedObjects
}

// objectKey names an object on the host, whatever version of its kind.
type objectKey struct {
	kind            schema.GroupKind
	namespace, name string
}

// onHost is what was found of one cluster.
type onHost struct {
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

// liveRows compares the fleet with the host. A host that does not answer makes
// every cluster unknown.
func (w *watch) liveRows(ctx context.Context) {
	l := &liveWatch{watch: w, shared: &sharedObjects{}}
	if err := l.open(ctx); err != nil {
		l.Host.Lose(err)
	}
	w.out.Drift = append(w.out.Drift, l.rangeRows(ctx)...)
	if w.Shard.Index <= 1 {
		w.out.Drift = append(w.out.Drift, l.controllerRows(ctx)...)
	}
	if !l.argoCDIsHere() {
		w.out.Drift = append(w.out.Drift, unknown("", report.DriftLive, "Argo CD runs on another cluster than the host (spec.argocd.destination is "+
			w.Fleet.Spec.ArgoCD.Destination+"): its Applications and cluster Secrets were not compared"))
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

func (l *liveWatch) open(ctx context.Context) error {
	if l.OpenHost == nil {
		return errors.New("there is no host cluster to ask")
	}
	var err error
	if l.asked, err = l.OpenHost(); err != nil {
		return err
	}
	return l.asked.Ping(ctx)
}

// rangeRows says where the host does not tell its service range. It need not
// tell a fleet in which people wrote it down.
func (l *liveWatch) rangeRows(ctx context.Context) []report.Row {
	if l.Host.Lost() != nil {
		return nil
	}
	_, err := l.ServiceRange.Ask(ctx, l.OpenHost)
	var untold *host.UnknownRangeError
	auto := func(c fleet.Cluster) bool { return c.Spec.ServiceCIDR == fleet.AutoCIDR }
	if errors.As(err, &untold) && !slices.ContainsFunc(l.Clusters, auto) {
		return nil
	}
	return l.unknownRow(ctx, "", err)
}

// unknownRow is for what the host did not tell. One that cannot be reached is
// not asked again.
func (l *liveWatch) unknownRow(ctx context.Context, cluster string, err error) []report.Row {
	if l.Host.Note(err) == nil || ctx.Err() != nil {
		return nil
	}
	return []report.Row{unknown(cluster, report.DriftLive, err.Error())}
}

// look compares one cluster with the host.
func (l *liveWatch) look(ctx context.Context, c fleet.Cluster) onHost {
	on := onHost{objects: map[objectKey]bool{}, leading: map[objectKey]*unstructured.Unstructured{}, kinds: map[schema.GroupVersionKind]bool{}, managers: map[int]bool{}}
	if lost := l.Host.Lost(); lost != nil {
		on.rows = l.unknownRow(ctx, c.Name, lost)
		return on
	}
	files, err := l.Disk.Deployed(c.Name)
	if err != nil {
		on.rows = l.unknownRow(ctx, c.Name, err)
		return on
	}
	lock, _, err := l.Disk.ReadLock(c.Name)
	if err != nil {
		lock = nil // the files' comparison has said so
	}
	for _, f := range l.ServiceRange.Moved(ctx, c, lock, l.asked) {
		on.rows = append(on.rows, rows(c.Name, finding.List{f})...)
	}
	compared := (&objects{liveWatch: l, cluster: c, on: &on}).objectRows(ctx, files)
	on.compared = !slices.ContainsFunc(compared, func(r report.Row) bool { return r.Unknown })
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

// argoCDIsHere reports whether Argo CD runs on the host, as its Applications see
// it.
func (l *liveWatch) argoCDIsHere() bool {
	return l.Fleet.Spec.ArgoCD.Destination == fleet.DefaultDestination
}

// leftovers returns rows for the objects that Argo CD counts to a cluster's
// Application and git does not have.
func (l *liveWatch) leftovers(ctx context.Context, found map[string]onHost) []report.Row {
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
		if l.Host.Lost() != nil || ctx.Err() != nil {
			break
		}
		objects, err := l.asked.Metadata(ctx, kind)
		var noKind *host.NoKindError
		if errors.As(err, &noKind) {
			continue
		}
		all = append(all, l.unknownRow(ctx, "", err)...)
		for _, o := range objects {
			for _, app := range live.Apps(kind, o) {
				on, ours := found[app]
				key := objectKey{kind: kind.GroupKind(), namespace: o.Namespace, name: o.Name}
				if ours && len(on.objects) > 0 && !on.objects[key] && on.tracking.Claims(app, kind, o) {
					all = append(all, leftover(app, key))
				}
			}
		}
	}
	return all
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
