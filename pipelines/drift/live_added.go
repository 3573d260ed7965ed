package drift

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/live"
	"kasou/pipelines/report"
)

// mark is how an object in git is tracked on the host.
type mark struct {
	object live.Object
	how    live.Mark
	// app is the Application that deploys the object.
	app string
}

// addedRows returns rows for what others have added to the object, and
// fleet.yaml does not let them. What the host puts back by itself where it is
// taken out is not added: it is a default, or an admission webhook's.
func (l *liveWatch) addedRows(ctx context.Context, c fleet.Cluster, o live.Object, added []live.Added, on *onHost) ([]report.Row, error) {
	added = l.notAllowed(o.GetKind(), added, on)
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
	return l.rowsOfAdded(c, o, o.Name(), added), nil
}

// notAllowed returns those of added that fleet.yaml does not allow.
func (l *liveWatch) notAllowed(kind string, added []live.Added, on *onHost) []live.Added {
	return slices.DeleteFunc(slices.Clone(added), func(a live.Added) bool {
		allowed := false
		for i, m := range l.Fleet.Spec.Managers() {
			if m.MayAdd(a.Manager, kind, a.Path) {
				on.managers[i], allowed = true, true
			}
		}
		return allowed
	})
}

// rowsOfAdded returns a row for each manager.
func (l *liveWatch) rowsOfAdded(c fleet.Cluster, o live.Object, name string, added []live.Added) []report.Row {
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
		message := fmt.Sprintf("%s has what %s added, and git does not: %s", name, manager, some(paths[manager]))
		if at := last[manager]; !at.IsZero() {
			message += "; its last change was at " + stamped(at)
		}
		row := l.objectRow(c, o, RuleLiveAdded, message,
			"Argo CD does not see it, and no sync takes it out. Look who did it and why, and take it out by hand; or list the manager in spec.drift.managers of fleet.yaml.")
		if at := last[manager]; !at.IsZero() {
			row.Since = stamped(at)
		}
		all = append(all, *row)
	}
	return all
}

// some joins the first few paths.
func some(paths []string) string {
	const most = 6
	if len(paths) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(paths[:most], ", "), len(paths)-most)
	}
	return strings.Join(paths, ", ")
}

// unsealedRows returns rows for what others have written into the Secret of a
// SealedSecret. The Secret of a registration is compared by its values.
func (l *liveWatch) unsealedRows(ctx context.Context, c fleet.Cluster, o live.Object, on *onHost) ([]report.Row, error) {
	if o.GetKind() != "SealedSecret" || o.File == l.Paths(c.Name).Registration() {
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
	return l.rowsOfAdded(c, o, name, l.notAllowed("Secret", added, on)), nil
}

// untracked returns rows for the objects that have lost the mark by which Argo
// CD knows the others.
func (l *liveWatch) untracked(found map[string]onHost) []report.Row {
	var methods [2]live.Method
	group := func(cluster string, m mark) *live.Method {
		if m.app == cluster {
			return &methods[0]
		}
		return &methods[1]
	}
	for cluster, on := range found {
		for _, m := range on.marks {
			group(cluster, m).Learn(m.how)
		}
	}
	var all []report.Row
	for _, c := range l.Clusters {
		for _, m := range found[c.Name].marks {
			lost := group(c.Name, m).Lost(m.how)
			if lost == "" {
				continue
			}
			all = append(all, *l.objectRow(c, m.object, RuleLiveChanged,
				fmt.Sprintf("%s is not tracked by Argo CD as the others are: it does not have the %s of the Application %s", m.object.Name(), lost, m.app),
				"Look who took it away: argocd app sync "+m.app+" puts it back. Until then Argo CD does not prune the object."))
		}
	}
	return all
}

// unusedManagers returns notes for entries of fleet.yaml that nobody needed.
// It takes a look at every object of the fleet.
func (l *liveWatch) unusedManagers(found map[string]onHost) []report.Row {
	if !l.WholeFleet() || l.Host.Lost() != nil || !l.argoCDIsHere() {
		return nil
	}
	used := map[int]bool{}
	for _, on := range found {
		for i := range on.managers {
			used[i] = true
		}
		if !on.compared {
			return nil
		}
	}
	var all []report.Row
	for i, m := range l.Fleet.Spec.Managers() {
		if used[i] {
			continue
		}
		f := l.Fleet.Finding(finding.Note, RuleLiveManagerUnused, []string{"spec", "drift", "managers", fmt.Sprint(i)},
			fmt.Sprintf("spec.drift.managers lets %s add fields, and no object has one", m.Name), "Remove the entry, unless it is for what comes and goes.")
		all = append(all, report.Row{Finding: f, Kind: report.DriftLive, Repair: report.ByPerson})
	}
	return all
}
