package tree

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
)

// Retire gives the plan that removes the cluster, whose folder has a lock.yaml
// and no spec.yaml: the files that the lock lists, the lock, and the folders
// that are empty then. Whatever else is in the folder stays, with a note. Any
// finding that is an error means that the plan must not be applied.
func (d *Disk) Retire(ctx context.Context, cluster string) (Plan, finding.List, error) {
	p := newPlan(d.dir, cluster)
	v := d.visit()
	defer v.Close()
	err := v.lockToRead(ctx, p)
	if found := obstacleIn(err, cluster); found != nil {
		return p, finding.List{*found}, nil
	}
	if err != nil {
		return p, nil, err
	}
	lock, raw, findings, err := v.readLock(cluster, nil)
	if err != nil || lock == nil {
		return p, findings, err
	}
	p.lockOld = bytes.Clone(raw)
	if alive, err := v.there(layout.Of(p.dir, p.Cluster).Spec()); err != nil {
		return p, nil, err
	} else if alive {
		return p, nil, fmt.Errorf("cluster %s has a spec.yaml: it is not retired", cluster)
	}
	lock.Writing = true
	if p.lockIntent, err = lock.Marshal(); err != nil {
		return p, nil, fmt.Errorf("lock of %s: %w", cluster, err)
	}
	if findings, err = v.planRemoval(&p, lock); err != nil {
		return p, nil, err
	}
	note, err := v.leftover(p, lock)
	return p, append(findings, note...), err
}

func (v *visit) planRemoval(p *Plan, lock *lockfile.Lock) (finding.List, error) {
	var findings finding.List
	for _, name := range slices.Sorted(maps.Keys(lock.Files)) {
		at := path.Join(p.dir, name)
		old, err := v.readMaybe(at)
		if found := obstacleIn(err, p.Cluster); found != nil {
			findings = append(findings, *found)
			continue
		}
		if err != nil {
			return nil, err
		}
		switch {
		case old == nil:
		case !lock.Claims(name, old):
			findings = append(findings, notDeleted(at, p.Cluster, fmt.Sprintf("cluster %s has no spec.yaml any more", p.Cluster)))
		default:
			p.add(Change{Path: at, Old: old, Cause: Retired})
		}
	}
	p.add(Change{Path: p.lockPath, Old: p.lockOld, Cause: Retired})
	p.sort()
	return findings, nil
}

// leftover notes what stays in the folder of a retired cluster.
func (v *visit) leftover(p Plan, lock *lockfile.Lock) (finding.List, error) {
	var others []string
	err := v.walk(p.folder(), func(at string, e entry) error {
		_, ours := lock.Files[strings.TrimPrefix(at, p.dir+"/")]
		if !ours && at != p.lockPath && !isTemp(p.Cluster, e) {
			others = append(others, at)
		}
		return nil
	})
	if err != nil || len(others) == 0 {
		return nil, err
	}
	return finding.List{{
		File: others[0], Cluster: p.Cluster, Rule: RuleLeftover, Severity: finding.Note,
		Message: fmt.Sprintf("stays in the folder of the removed cluster %s: %s", p.Cluster, some(others)),
		Hint:    "kasou did not write it. Delete it yourself if you don't need it.",
	}}, nil
}

// Orphans gives one plan for each cluster that has a file of kasou's in root/,
// and no folder. Of the clusters that known names it is known that there is one.
// A file there that was edited gives a finding and stays; one without kasou's
// header is nobody's business.
func (d *Disk) Orphans(known func(cluster string) bool) ([]Plan, finding.List, error) {
	v := d.visit()
	defer v.Close()
	entries, err := v.list(path.Join(d.dir, layout.Root))
	if found := obstacleIn(err, ""); found != nil {
		return nil, finding.List{*found}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	plans := map[string]*Plan{}
	var findings finding.List
	for _, e := range entries {
		if cluster, yes := applicationOf(e); !yes || known(cluster) {
			continue
		}
		found, err := v.orphan(plans, e)
		if err != nil {
			return nil, nil, err
		}
		findings = append(findings, found...)
	}
	var list []Plan
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		plans[name].sort()
		list = append(list, *plans[name])
	}
	return list, findings, nil
}

// applicationOf gives the cluster that a file in root/ is of, by its name.
func applicationOf(e entry) (cluster string, ok bool) {
	cluster, ok = layout.ClusterOf(e.name)
	return cluster, ok && e.kind.IsRegular() && cluster != ""
}

func (v *visit) orphan(plans map[string]*Plan, e entry) (finding.List, error) {
	dir := v.disk.dir
	cluster, _ := applicationOf(e)
	if there, err := v.there(path.Join(dir, cluster)); there || err != nil {
		return nil, err
	}
	at, spec := path.Join(dir, layout.Root, e.name), layout.Of(dir, cluster).Spec()
	data, err := v.readMaybe(at)
	if err != nil || !bytes.HasPrefix(data, Header(spec)) {
		return nil, err
	}
	if !Stamped(spec, data) {
		return finding.List{{
			File: at, Cluster: cluster, Rule: RuleOrphanEdited, Severity: finding.Error,
			Message: fmt.Sprintf("cluster %s has no folder any more, but this file was edited since kasou wrote it, and Argo CD would deploy it", cluster),
			Hint:    "Delete it, or bring the cluster's folder back.",
		}}, nil
	}
	if plans[cluster] == nil {
		plans[cluster] = &Plan{Cluster: cluster, dir: dir}
	}
	plans[cluster].add(Change{Path: at, Old: data, Cause: Orphaned})
	return nil, nil
}

// GuardPrune gives an error where the plans remove more than one cluster and
// nobody said that this is meant. Removing one is what deleting a spec.yaml
// plainly asks for; more is what a bad merge or a wrong folder looks like.
func GuardPrune(plans []Plan, allow bool) finding.List {
	var names []string
	for _, p := range plans {
		if p.Removes() {
			names = append(names, p.Cluster)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if allow || len(names) < 2 {
		return nil
	}
	return finding.List{{
		Rule: RulePrune, Severity: finding.Error,
		Message: fmt.Sprintf("kasou build would remove %d clusters: %s", len(names), strings.Join(names, ", ")),
		Hint:    "If that is meant, say --allow-prune.",
	}}
}
