package tree

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/tree/disk"
)

// Retire returns the plan that removes the cluster, whose folder has a lock.yaml
// and no spec.yaml: the files that the lock lists, the lock, and the folders
// that are empty then. Whatever else is in the folder stays, with a note. Any
// finding that is an error means that the plan must not be applied.
func Retire(ctx context.Context, d *disk.Disk, cluster string) (Plan, finding.List, error) {
	return compare(ctx, d, cluster, nil, (*comparison).retire)
}

func (c *comparison) retire() error {
	if c.plan.lock.Old == nil {
		return nil
	}
	if alive, err := c.view.Exists(layout.Of(c.plan.dir, c.plan.Cluster).Spec()); err != nil {
		return err
	} else if alive {
		return fmt.Errorf("cluster %s has a spec.yaml: it is not retired", c.plan.Cluster)
	}
	c.retired = fmt.Sprintf("cluster %s has no spec.yaml any more", c.plan.Cluster)
	if _, err := c.files(nil); err != nil {
		return err
	}
	c.plan.add(Change{Path: c.plan.lock.Path, Old: c.plan.lock.Old, Cause: Retired})
	intent := c.old
	intent.Writing = true
	var err error
	if c.plan.lock.Intent, err = intent.Marshal(); err != nil {
		return fmt.Errorf("lock of %s: %w", c.plan.Cluster, err)
	}
	return c.leftover()
}

// leftover notes what stays in the folder of a retired cluster.
func (c *comparison) leftover() error {
	var others []string
	err := c.view.Walk(c.plan.folder(), func(at string, e fs.DirEntry) error {
		_, ours := c.old.Files[c.inside(at)]
		if !ours && at != c.plan.lock.Path && !disk.IsTemp(e) {
			others = append(others, at)
		}
		return nil
	})
	if len(others) > 0 {
		c.findings = append(c.findings, finding.Finding{
			File: others[0], Cluster: c.plan.Cluster, Rule: RuleLeftover, Severity: finding.Note,
			Message: fmt.Sprintf("stays in the folder of the removed cluster %s: %s", c.plan.Cluster, some(others)),
			Hint:    "Delete it yourself if you don't need it: kasou did not write it.",
		})
	}
	return err
}

// Orphans returns one plan for each cluster that has a file of kasou's in root/,
// and no folder. Of the clusters that known names it is known that there is one.
// A file there that was edited is a finding and stays; one without kasou's
// header is nobody's business.
func Orphans(d *disk.Disk, known func(cluster string) bool) ([]Plan, finding.List, error) {
	v := d.View()
	defer v.Close()
	entries, err := v.List(path.Join(d.Dir(), layout.Root))
	if found := obstacleIn(err, ""); found != nil {
		return nil, finding.List{*found}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	plans := map[string]Plan{}
	var findings finding.List
	for _, e := range entries {
		cluster, ok := layout.ClusterOf(e.Name())
		if !ok || !e.Type().IsRegular() || cluster == "" || known(cluster) {
			continue
		}
		c := comparison{view: v, plan: Plan{Cluster: cluster, dir: d.Dir(), Changes: plans[cluster].Changes}}
		if err := c.orphan(path.Join(d.Dir(), layout.Root, e.Name())); err != nil {
			return nil, nil, err
		}
		findings = append(findings, c.findings...)
		if !c.plan.Empty() {
			plans[cluster] = c.plan
		}
	}
	var list []Plan
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		list = append(list, plans[name])
	}
	return list, findings, nil
}

// orphan plans for a file in root/ whose cluster has no folder, where kasou wrote it.
func (c *comparison) orphan(at string) error {
	if there, err := c.view.Exists(c.plan.folder()); there || err != nil {
		return err
	}
	data, err := c.view.Read(at)
	spec := layout.Of(c.plan.dir, c.plan.Cluster).Spec()
	switch {
	case err != nil || !bytes.HasPrefix(data, Header(spec)):
		return err
	case Stamped(spec, data):
		c.plan.add(Change{Path: at, Old: bytes.Clone(data), Cause: Orphaned})
	default:
		c.findings = append(c.findings, finding.Finding{
			File: at, Cluster: c.plan.Cluster, Rule: RuleOrphanEdited, Severity: finding.Error,
			Message: fmt.Sprintf("cluster %s has no folder any more, but this file was edited since kasou wrote it, and Argo CD would deploy it", c.plan.Cluster),
			Hint:    "Delete it, or bring the cluster's folder back.",
		})
	}
	return nil
}

// GuardPrune returns an error where the plans remove more than one cluster and
// nobody said that this is meant. Removing one is what deleting a spec.yaml
// plainly asks for; more is what a bad merge or a wrong folder looks like. Its file is the
// first of those that would go.
func GuardPrune(plans []Plan, allow bool) finding.List {
	var names, files []string
	for _, p := range plans {
		if p.Removes() {
			names, files = append(names, p.Cluster), append(files, p.Changes[0].Path)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if allow || len(names) < 2 {
		return nil
	}
	return finding.List{{
		File: slices.Min(files), Rule: RulePrune, Severity: finding.Error,
		Message: fmt.Sprintf("kasou build would remove %d clusters: %s", len(names), strings.Join(names, ", ")),
		Hint:    "If that is meant, say --allow-prune.",
	}}
}
