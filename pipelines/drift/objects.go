package drift

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/pipelines/difference"
	"kasou/pipelines/exposure"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/layout"
	"kasou/pipelines/live"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// objects compares the objects of one cluster with the host's.
type objects struct {
	*liveWatch
	cluster fleet.Cluster
	// on takes what is found beside the rows.
	on *onHost
	// lock is nil where it cannot be read.
	lock *lockfile.Lock
	// asked is the cluster that has the object at hand.
	asked *host.Host
}

// objectRows compares every object of the cluster with the host's.
func (l *objects) objectRows(ctx context.Context, files manifest.Files) []report.Row {
	objects, err := live.Objects(files)
	if err != nil {
		return []report.Row{unknownBy(l.cluster.Name, report.DriftLive, err)}
	}
	ignored, all := l.ignored(objects)
	gone := map[string]bool{}
	// A namespace that is not there explains all that should be in it.
	slices.SortStableFunc(objects, func(a, b live.Object) int { return cmp.Compare(rank(a), rank(b)) })
	for _, o := range objects {
		deployed := path.Dir(o.File) != path.Join(l.Dir, layout.Root)
		// The app of apps deploys its objects where Argo CD runs.
		a := l.argocd
		if deployed {
			a = l.Hosts.Of(l.cluster)
		}
		l.asked = at(a)
		if l.asked == nil {
			continue // that is told already
		}
		if err := l.place(ctx, o); err != nil {
			all = append(all, l.objectError(ctx, a, o, err)...)
			continue
		}
		if deployed && o.GetNamespace() == "" && !l.clusterScoped(o) {
			all = append(all, *objectRow(l.cluster.Name, o, RuleLiveScope, o.Name()+" has no namespace on the host, and kasou was told that it has one: no rule looked at what it does beyond the cluster",
				"Take the definition in spec.schemas of fleet.yaml from the host: kubectl get customresourcedefinition NAME -o yaml."))
		}
		if deployed {
			l.on.objects[keyOf(o)], l.on.kinds[o.GroupVersionKind()] = true, true
		}
		if gone[o.GetNamespace()] {
			continue
		}
		found, difference, err := l.compare(ctx, o, ignored, deployed)
		all, l.on.diff = append(all, found...), l.on.diff+difference
		if err != nil {
			all = append(all, l.objectError(ctx, a, o, err)...)
			if ctx.Err() != nil {
				return all
			}
		}
		if o.GetKind() == "Namespace" && len(found) > 0 && found[0].Rule == RuleLiveMissing {
			gone[o.GetName()] = true
		}
	}
	return all
}

// ignored returns what the cluster's Application leaves out of the comparison.
func (l *objects) ignored(objects []live.Object) ([]live.Ignored, []report.Row) {
	for _, o := range objects {
		if o.GetKind() != "Application" || o.File != l.Paths(l.cluster.Name).Application() {
			continue
		}
		ignored, err := live.IgnoredBy(o.Unstructured)
		if err != nil {
			return nil, []report.Row{unknownBy(l.cluster.Name, report.DriftLive, err)}
		}
		return ignored, nil
	}
	return nil, nil
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

// place sets the namespace that Argo CD deploys an object to.
func (l *objects) place(ctx context.Context, o live.Object) error {
	namespaced, err := l.asked.Namespaced(ctx, o.GroupVersionKind())
	switch {
	case err != nil:
		return err
	case !namespaced:
		o.SetNamespace("")
	case o.GetNamespace() == "":
		o.SetNamespace(l.cluster.Spec.Namespace)
	}
	return nil
}

// clusterScoped reports whether the cluster was built with an object as one without a
// namespace, as far as its lock tells.
func (l *objects) clusterScoped(o live.Object) bool {
	kind := o.GroupVersionKind()
	return l.lock == nil || len(l.lock.ClusterScoped) == 0 || slices.Contains(l.lock.ClusterScoped, strings.TrimPrefix(kind.Group+"/"+kind.Kind, "/"))
}

// compare asks the host for one object, and what a sync would make of it.
// deployed says that the cluster's own Application deploys the object, and not
// the app of apps.
func (l *objects) compare(ctx context.Context, o live.Object, ignored []live.Ignored, deployed bool) (found []report.Row, diff string, err error) {
	have, err := l.asked.Object(ctx, o.Unstructured)
	if err != nil {
		return nil, "", err
	}
	if have == nil {
		return []report.Row{*l.missing(o, "")}, "", nil
	}
	if exposure.MayLead(have.Object) {
		l.on.leading[keyOf(o)] = have
	}
	app := l.Fleet.Spec.ArgoCD.Name
	if deployed {
		app = l.cluster.Name
		l.on.tracking.Learn(l.cluster.Name, o.Unstructured, have)
	}
	l.on.marks = append(l.on.marks, mark{object: o, app: app, how: live.MarkOf(app, o.Unstructured, have)})
	if why := live.NotUnsealed(have); why != "" {
		found = append(found, *objectRow(l.cluster.Name, o, RuleLiveUnsealed, o.Name()+" cannot be unsealed: "+why,
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
		row, shown := l.changed(o, have, change, stale)
		found, diff = append(found, row), shown
	}
	more, err := l.addedRows(ctx, o, added)
	if found = append(found, more...); err != nil {
		return found, diff, err
	}
	more, err = l.unsealedRows(ctx, o)
	return append(found, more...), diff, err
}

// changed returns the row of an object that a sync would change, or would leave
// with fields that git no longer has, and how it would change. change may be
// nil.
func (l *objects) changed(o live.Object, have *unstructured.Unstructured, change *live.Change, stale []string) (report.Row, string) {
	var parts []string
	hint, diff := "Look who changed it and why; a sync makes it git's again: argocd app sync "+l.cluster.Name, ""
	if change != nil {
		parts = append(parts, fields(change.Fields))
		diff = l.Difference(tree.Plan{Changes: []tree.Change{{
			Path: "host/" + strings.ReplaceAll(o.Name(), " ", "/") + ".yaml", Kind: tree.KindUpdate, Old: change.Live, New: change.Git,
		}}})
	}
	if len(stale) > 0 {
		parts = append(parts, "Argo CD applied "+finding.Few(stale, 6)+", and git no longer has it")
	}
	if change == nil {
		hint = "A server-side apply leaves the field where another manager owns it, too, as after a sync by the client. Sync; where the field stays, take it out by hand."
	}
	message := o.Name() + " is not as in git: " + strings.Join(parts, "; ")
	by, at := live.Touched(have)
	if by != "" {
		message += "; besides Argo CD, " + by + " changed it last"
	}
	row := objectRow(l.cluster.Name, o, RuleLiveChanged, message, hint)
	if !at.IsZero() {
		row.Since = stamped(at)
	}
	return *row, diff
}

// enough are how many names or paths a message has.
const enough = 6

// fields names what differs, the first few with their values.
func fields(all []difference.Value) string {
	const most = 4
	var parts []string
	for _, d := range all[:min(len(all), most)] {
		switch {
		case d.Note != "":
			parts = append(parts, d.Path+": "+d.Note)
		case d.Old == "":
			parts = append(parts, fmt.Sprintf("%s is missing, git has %s", d.Path, finding.Short(d.New, 80)))
		case d.New == "":
			parts = append(parts, fmt.Sprintf("%s is %s, git has none", d.Path, finding.Short(d.Old, 80)))
		default:
			parts = append(parts, fmt.Sprintf("%s is %s, git has %s", d.Path, finding.Short(d.Old, 80), finding.Short(d.New, 80)))
		}
	}
	if len(all) > most {
		parts = append(parts, fmt.Sprintf("and %d more", len(all)-most))
	}
	return strings.Join(parts, "; ")
}

// objectRow returns the row of an object.
func objectRow(cluster string, o live.Object, rule finding.Rule, message, hint string) *report.Row {
	return &report.Row{
		Finding: finding.Finding{File: o.File, Line: o.Line, Cluster: cluster, Rule: rule, Severity: finding.Error, Message: message, Hint: hint},
		Kind:    report.DriftLive, Object: o.Name(), Repair: report.ByPerson,
	}
}

func (l *objects) missing(o live.Object, why string) *report.Row {
	message := o.Name() + " is in git, and not on the host"
	if o.GetKind() == "Namespace" {
		message += ", nor is what should be in it"
	}
	return objectRow(l.cluster.Name, o, RuleLiveMissing, message+why, "See by argocd app get "+l.cluster.Name+" why it was not synced, and sync it by argocd app sync "+l.cluster.Name+".")
}

// objectError makes rows of what the host said instead of an answer.
func (l *objects) objectError(ctx context.Context, a *workspace.Asked, o live.Object, err error) []report.Row {
	var noKind *host.NoKindError
	var refused *host.RefusedError
	switch {
	case errors.As(err, &noKind):
		return []report.Row{*l.missing(o, ": "+noKind.Error())}
	case errors.As(err, &refused):
		return []report.Row{*objectRow(l.cluster.Name, o, RuleLiveRefused, "a sync would fail: "+refused.Error(),
			"Some fields cannot be changed in place. Change the spec back, or delete the object by hand once you know what goes with it.")}
	}
	return l.unknownRow(ctx, a, l.cluster.Name, err)
}

// addedRows returns rows for what others have added to the object, and
// fleet.yaml does not let them. What the host puts back by itself where it is
// taken out is not added: it is a default, or an admission webhook's.
func (l *objects) addedRows(ctx context.Context, o live.Object, added []live.Added) ([]report.Row, error) {
	added = l.notAllowed(o.GetKind(), added)
	if len(added) == 0 {
		return nil, nil
	}
	patch, err := live.Without(added)
	if err != nil {
		return nil, err
	}
	without, err := l.asked.Patched(ctx, o.Unstructured, patch)
	var refused *host.RefusedError
	switch {
	case err == nil:
		added = live.StillAdded(added, without)
	case !errors.As(err, &refused): // one that cannot be taken out is not a default
		return nil, err
	}
	return l.rowsOfAdded(o, o.Name(), added), nil
}

// notAllowed returns those of added that fleet.yaml does not allow.
func (l *objects) notAllowed(kind string, added []live.Added) []live.Added {
	return slices.DeleteFunc(slices.Clone(added), func(a live.Added) bool {
		allowed := false
		for i, m := range l.Fleet.Spec.Managers() {
			if m.MayAdd(a.Manager, kind, a.Path) {
				l.on.managers[i], allowed = true, true
			}
		}
		return allowed
	})
}

// rowsOfAdded returns a row for each manager.
func (l *objects) rowsOfAdded(o live.Object, name string, added []live.Added) []report.Row {
	var managers []string
	paths, last := map[string][]string{}, map[string]time.Time{}
	for _, a := range added {
		if paths[a.Manager] == nil {
			managers = append(managers, a.Manager)
		}
		if !slices.Contains(paths[a.Manager], a.Path) {
			paths[a.Manager] = append(paths[a.Manager], a.Path)
		}
		if a.At.After(last[a.Manager]) {
			last[a.Manager] = a.At
		}
	}
	var all []report.Row
	for _, manager := range managers {
		message := fmt.Sprintf("%s has what %s added, and git does not: %s", name, manager, finding.Few(paths[manager], enough))
		if at := last[manager]; !at.IsZero() {
			message += "; its last change was at " + stamped(at)
		}
		row := objectRow(l.cluster.Name, o, RuleLiveAdded, message,
			"Argo CD does not see it, and no sync takes it out. Look who did it and why, and take it out by hand; or list the manager in spec.drift.managers of fleet.yaml.")
		if at := last[manager]; !at.IsZero() {
			row.Since = stamped(at)
		}
		all = append(all, *row)
	}
	return all
}

// unsealedRows returns rows for what others have written into the Secret of a
// SealedSecret. The Secret of a registration is compared by its values.
func (l *objects) unsealedRows(ctx context.Context, o live.Object) ([]report.Row, error) {
	if o.GetKind() != "SealedSecret" || o.File == l.Paths(l.cluster.Name).Registration() {
		return nil, nil
	}
	secret, err := l.asked.SecretMetadata(ctx, o.GetNamespace(), o.GetName())
	if err != nil || secret == nil {
		return nil, err
	}
	added, err := live.Unsealed(o.Unstructured, *secret)
	if err != nil {
		return nil, err
	}
	name := "Secret " + o.GetNamespace() + "/" + o.GetName()
	return l.rowsOfAdded(o, name, l.notAllowed("Secret", added)), nil
}
