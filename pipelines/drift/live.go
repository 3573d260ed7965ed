package drift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kasou/pipelines/difference"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/layout"
	"kasou/pipelines/live"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// liveJobs is how many clusters are compared with the host at once. They wait
// for its answers; how often it is asked, its QPS bounds.
const liveJobs = 16

// liveWatch asks the host, after all that needs none.
type liveWatch struct {
	*watch
	asked *host.Host
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
	objects  map[objectKey]bool
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
	l := &liveWatch{watch: w}
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
	on := onHost{objects: map[objectKey]bool{}, kinds: map[schema.GroupVersionKind]bool{}, managers: map[int]bool{}}
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
	objects := l.objectRows(ctx, c, files, &on)
	on.compared = !slices.ContainsFunc(objects, func(r report.Row) bool { return r.Unknown })
	on.rows = append(on.rows, objects...)
	found, proved := l.registrationRows(ctx, c, lock, files)
	on.rows, on.proved = append(on.rows, found...), proved
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

// objectRows compares every object of the cluster with the host's.
func (l *liveWatch) objectRows(ctx context.Context, c fleet.Cluster, files manifest.Files, on *onHost) []report.Row {
	objects, err := live.Objects(files)
	if err != nil {
		return l.unknownRow(ctx, c.Name, err)
	}
	var all []report.Row
	var ignored []live.Ignored
	for _, o := range objects {
		if o.GetKind() == "Application" && o.File == l.Paths(c.Name).Application() {
			if ignored, err = live.IgnoredBy(o.Unstructured); err != nil {
				all = append(all, l.unknownRow(ctx, c.Name, err)...)
			}
		}
	}
	gone := map[string]bool{}
	// A namespace that is not there explains all that should be in it.
	slices.SortStableFunc(objects, func(a, b live.Object) int { return cmp.Compare(rank(a), rank(b)) })
	for _, o := range objects {
		deployed := path.Dir(o.File) != path.Join(l.Dir, layout.Root)
		if !deployed && !l.argoCDIsHere() {
			continue
		}
		if err := l.place(ctx, c, o); err != nil {
			all = append(all, l.objectError(ctx, c, o, err)...)
			continue
		}
		if deployed {
			on.objects[keyOf(o)], on.kinds[o.GroupVersionKind()] = true, true
		}
		if gone[o.GetNamespace()] {
			continue
		}
		found, difference, err := l.compare(ctx, c, o, ignored, deployed, on)
		all, on.diff = append(all, found...), on.diff+difference
		if err != nil {
			all = append(all, l.objectError(ctx, c, o, err)...)
			if l.Host.Lost() != nil || ctx.Err() != nil {
				return all
			}
		}
		if o.GetKind() == "Namespace" && len(found) > 0 && found[0].Rule == RuleLiveMissing {
			gone[o.GetName()] = true
		}
	}
	return all
}

func rank(o live.Object) int {
	if o.GetKind() == "Namespace" {
		return 0
	}
	return 1
}

func keyOf(o live.Object) objectKey {
	return objectKey{kind: o.GroupVersionKind().GroupKind(), namespace: o.GetNamespace(), name: o.GetName()}
}

// application is where a cluster's Application stands, from the repo's root.

// argoCDIsHere says whether Argo CD runs on the host, as its Applications see
// it.
func (l *liveWatch) argoCDIsHere() bool {
	return l.Fleet.Spec.ArgoCD.Destination == fleet.DefaultDestination
}

// place gives an object the namespace that Argo CD deploys it to.
func (l *liveWatch) place(ctx context.Context, c fleet.Cluster, o live.Object) error {
	namespaced, err := l.asked.Namespaced(ctx, o.GroupVersionKind())
	switch {
	case err != nil:
		return err
	case !namespaced:
		o.SetNamespace("")
	case o.GetNamespace() == "":
		o.SetNamespace(c.Spec.Namespace)
	}
	return nil
}

// compare asks the host for one object, and what a sync would make of it.
// deployed says that the cluster's own Application deploys the object, and not
// the app of apps.
func (l *liveWatch) compare(ctx context.Context, c fleet.Cluster, o live.Object, ignored []live.Ignored, deployed bool, on *onHost) (found []report.Row, diff string, err error) {
	have, err := l.asked.Object(ctx, o.Unstructured)
	if err != nil {
		return nil, "", err
	}
	if have == nil {
		return []report.Row{*l.missing(c, o, "")}, "", nil
	}
	app := l.Fleet.Spec.ArgoCD.Name
	if deployed {
		app = c.Name
		on.tracking.Learn(c.Name, o.Unstructured, have)
	}
	on.marks = append(on.marks, mark{object: o, app: app, how: live.MarkOf(app, o.Unstructured, have)})
	if why := live.NotUnsealed(have); why != "" {
		found = append(found, *l.objectRow(c, o, RuleLiveUnsealed, o.Name()+" cannot be unsealed: "+why,
			"Look whether it was sealed with the certificate of this host's controller; then build, or register, anew."))
	}
	want, err := live.Wanted(o.Unstructured, have, ignored)
	if err != nil {
		return found, "", err
	}
	predicted, err := l.asked.Predict(ctx, want)
	if err != nil {
		return found, "", err
	}
	change, err := live.Compare(o.Unstructured, have, predicted)
	if err != nil {
		return found, "", err
	}
	added, stale, err := live.Managed(o.Unstructured, have, predicted)
	if err != nil {
		return found, "", err
	}
	if change != nil || len(stale) > 0 {
		row, shown := l.changed(c, o, have, change, stale)
		found, diff = append(found, row), shown
	}
	more, err := l.addedRows(ctx, c, o, added, on)
	if found = append(found, more...); err != nil {
		return found, diff, err
	}
	more, err = l.unsealedRows(ctx, c, o, on)
	return append(found, more...), diff, err
}

// changed returns the row of an object that a sync would change, or would leave
// with fields that git no longer has, and how it would change. change may be
// nil.
func (l *liveWatch) changed(c fleet.Cluster, o live.Object, have *unstructured.Unstructured, change *live.Change, stale []string) (report.Row, string) {
	var parts []string
	hint, diff := "Look who changed it and why; a sync makes it git's again: argocd app sync "+c.Name, ""
	if change != nil {
		parts = append(parts, fields(change.Fields))
		diff = l.Difference(tree.Plan{Changes: []tree.Change{{
			Path: "host/" + strings.ReplaceAll(o.Name(), " ", "/") + ".yaml", Kind: tree.KindUpdate, Old: change.Live, New: change.Git,
		}}})
	}
	if len(stale) > 0 {
		parts = append(parts, "Argo CD applied "+some(stale)+", and git no longer has it")
	}
	if change == nil {
		hint = "A server-side apply leaves the field where another manager owns it, too, as after a sync by the client. Sync; where the field stays, take it out by hand."
	}
	message := o.Name() + " is not as in git: " + strings.Join(parts, "; ")
	by, at := live.Touched(have)
	if by != "" {
		message += "; besides Argo CD, " + by + " changed it last"
	}
	row := l.objectRow(c, o, RuleLiveChanged, message, hint)
	if !at.IsZero() {
		row.Since = stamped(at)
	}
	return *row, diff
}

// fields names what differs, the first few with their values.
func fields(all []difference.Value) string {
	const most = 4
	var parts []string
	for _, d := range all[:min(len(all), most)] {
		switch {
		case d.Note != "":
			parts = append(parts, d.Path+": "+d.Note)
		case d.Old == "":
			parts = append(parts, fmt.Sprintf("%s is missing, git has %s", d.Path, short(d.New)))
		case d.New == "":
			parts = append(parts, fmt.Sprintf("%s is %s, git has none", d.Path, short(d.Old)))
		default:
			parts = append(parts, fmt.Sprintf("%s is %s, git has %s", d.Path, short(d.Old), short(d.New)))
		}
	}
	if len(all) > most {
		parts = append(parts, fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(parts, "; ")
}

func short(text string) string {
	const most = 80
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}

func (l *liveWatch) objectRow(c fleet.Cluster, o live.Object, rule finding.Rule, message, hint string) *report.Row {
	return &report.Row{
		Finding: finding.Finding{File: o.File, Line: o.Line, Cluster: c.Name, Rule: rule, Severity: finding.Error, Message: message, Hint: hint},
		Kind:    report.DriftLive, Object: o.Name(), Repair: report.ByPerson,
	}
}

func (l *liveWatch) missing(c fleet.Cluster, o live.Object, why string) *report.Row {
	message := o.Name() + " is in git, and not on the host"
	if o.GetKind() == "Namespace" {
		message += ", nor is what should be in it"
	}
	return l.objectRow(c, o, RuleLiveMissing, message+why, "argocd app get "+c.Name+" says why it was not synced, argocd app sync "+c.Name+" syncs it.")
}

// objectError makes rows of what the host said instead of an answer.
func (l *liveWatch) objectError(ctx context.Context, c fleet.Cluster, o live.Object, err error) []report.Row {
	var noKind *host.NoKindError
	var refused *host.RefusedError
	switch {
	case errors.As(err, &noKind):
		return []report.Row{*l.missing(c, o, ": "+noKind.Error())}
	case errors.As(err, &refused):
		return []report.Row{*l.objectRow(c, o, RuleLiveRefused, "a sync would fail: "+refused.Error(),
			"Some fields cannot be changed in place. Change the spec back, or delete the object by hand once you know what goes with it.")}
	}
	return l.unknownRow(ctx, c.Name, err)
}

// leftovers gives rows for the objects that Argo CD counts to a cluster's
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
