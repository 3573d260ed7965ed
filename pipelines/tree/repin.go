package tree

import (
	"context"
	"fmt"

	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
)

// Repin gives the plan that puts another pin of the chart into the cluster's
// lock.yaml and changes nothing else: the files are then stale until the next
// build. Findings are about the lock; with any, the plan is not to be applied.
func (d *Disk) Repin(ctx context.Context, cluster string, pin lockfile.ChartLock) (Plan, finding.List, error) {
	return d.compare(ctx, Wanted{Cluster: cluster}, func(c *comparison) error { return c.repin(pin) })
}

// repin plans for the lock alone.
func (c *comparison) repin(pin lockfile.ChartLock) (err error) {
	lock := c.old
	if lock.Chart == pin {
		return nil
	}
	lock.Chart = pin
	if c.plan.lockNew, err = lock.Marshal(); err != nil {
		return fmt.Errorf("lock of %s: %w", c.wanted.Cluster, err)
	}
	c.plan.add(Change{Path: c.plan.lockPath, Old: c.plan.lockOld, New: c.plan.lockNew, Cause: Stale})
	return nil
}

// Rewrite gives the plan that replaces the content of one file in the clusters
// folder, such as a spec.yaml that a person asked to have changed. file is
// relative to the repo's root, and old is what stands there.
func (d *Disk) Rewrite(file string, old, content []byte) Plan {
	p := Plan{dir: d.dir}
	p.add(Change{Path: file, Old: old, New: content, Cause: Stale})
	return p
}
