// Package tree compares the wanted files with the disk, and plans what is to be written:
// package disk writes it.
package tree

import (
	"cmp"
	"context"
	"path"
	"slices"

	"kasou/pipelines/layout"
	"kasou/pipelines/tree/disk"
)

// Kind is what happens to a file.
type Kind string

// The kinds of a Change.
const (
	KindCreate Kind = "create"
	KindUpdate Kind = "update"
	KindDelete Kind = "delete"
)

// Cause is why a file is not as it is wanted.
type Cause string

// New was never written. Stale is as kasou wrote it, but the inputs, or kasou,
// have changed. HandEdit is not as kasou wrote it, LineEnds in its line ends alone;
// Missing is gone. Interrupted was left by a build that was cut off. Unwanted is generated
// no longer. Retired belongs to a cluster whose spec.yaml is gone, Orphaned to one whose
// folder is.
const (
	New         Cause = "new"
	Stale       Cause = "stale"
	HandEdit    Cause = "hand edit"
	LineEnds    Cause = "line ends"
	Missing     Cause = "missing"
	Interrupted Cause = "interrupted"
	Unwanted    Cause = "no longer generated"
	Retired     Cause = "retired"
	Orphaned    Cause = "orphaned"
)

// Change is one file that differs from what is wanted.
type Change struct {
	// Path is relative to the repo's root.
	Path  string
	Kind  Kind
	Cause Cause
	// Old is what stands on disk, New what is wanted; nil means no file.
	Old, New []byte
}

// Plan is what is to be done for one cluster, or for what is one for all.
type Plan struct {
	// Cluster is the name; empty for fleet.lock.yaml.
	Cluster string
	// Changes are sorted by path; lock.yaml is among them.
	Changes []Change

	dir string
	// lock is the cluster's. Its path is empty where no lock says what is kasou's: an
	// orphan, and fleet.lock.yaml.
	lock disk.Lock
}

// Empty reports whether nothing is to be done.
func (p Plan) Empty() bool { return len(p.Changes) == 0 }

// Removes reports whether the plan takes a whole cluster away.
func (p Plan) Removes() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Cause == Retired || c.Cause == Orphaned })
}

func (p *Plan) add(c Change) {
	switch {
	case c.Old == nil:
		c.Kind = KindCreate
	case c.New == nil:
		c.Kind = KindDelete
	default:
		c.Kind = KindUpdate
	}
	p.Changes = append(p.Changes, c)
}

func (p *Plan) sort() {
	slices.SortFunc(p.Changes, func(a, b Change) int { return cmp.Compare(a.Path, b.Path) })
}

func newPlan(d *disk.Disk, cluster string) Plan {
	return Plan{Cluster: cluster, dir: d.Dir(), lock: disk.Lock{Path: layout.Of(d.Dir(), cluster).Lock()}}
}

// Rewrite returns the plan that replaces the content of one file in the clusters
// folder, such as a spec.yaml that a person asked to have changed. file is
// relative to the repo's root, and old is what stands there.
func Rewrite(file string, old, content []byte) Plan {
	var p Plan
	p.add(Change{Path: file, Old: old, New: content, Cause: Stale})
	return p
}

// Apply makes the disk as one plan wants it.
func Apply(ctx context.Context, d *disk.Disk, p Plan) error { return WriteAll(ctx, d, []Plan{p})[0] }

// WriteAll makes the disk as the plans of several clusters want it, and returns an
// error, or nil, for each: disk.ErrChanged where someone was faster.
func WriteAll(ctx context.Context, d *disk.Disk, plans []Plan) []error {
	writes := make([]disk.Plan, len(plans))
	for i, p := range plans {
		writes[i] = disk.Plan{Cluster: p.Cluster, Lock: p.lock}
		for _, c := range p.Changes {
			writes[i].Changes = append(writes[i].Changes, disk.Change{Path: c.Path, Old: c.Old, New: c.New})
		}
	}
	return d.WriteAll(ctx, writes)
}

func (p Plan) folder() string { return path.Join(p.dir, p.Cluster) }
