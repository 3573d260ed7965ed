package tree

import (
	"context"
	"fmt"

	"kasou/pipelines/finding"
)

// Repin gives the plan that puts another pin of the chart into the cluster's
// lock.yaml and changes nothing else: the files are then stale until the next
// build. Findings are about the lock; with any, the plan is not to be applied.
func Repin(ctx context.Context, root, dir, cluster string, pin ChartLock) (Plan, finding.List, error) {
	p := newPlan(root, dir, cluster)
	d, err := openDisk(root)
	if err != nil {
		return p, nil, err
	}
	defer d.Close()
	unlock, err := d.lockToRead(ctx, p)
	if found := obstacleIn(err, cluster); found != nil {
		return p, finding.List{*found}, nil
	}
	if err != nil {
		return p, nil, err
	}
	defer unlock()
	lock, raw, findings, err := d.readLock(dir, cluster)
	if err != nil || len(findings) > 0 {
		return p, findings, err
	}
	if lock == nil {
		lock = &Lock{}
	}
	if lock.Chart == pin {
		return p, nil, nil
	}
	lock.Chart = pin
	p.lockOld = raw
	if p.lockNew, err = lock.Marshal(); err != nil {
		return p, nil, fmt.Errorf("lock of %s: %w", cluster, err)
	}
	p.add(Change{Path: p.lockPath, Old: raw, New: p.lockNew, Cause: Stale})
	return p, nil, nil
}

// Rewrite gives the plan that replaces the content of one file in the clusters
// folder dir, such as a spec.yaml that a person asked to have changed. file is
// relative to root, and old is what stands there.
func Rewrite(root, dir, file string, old, content []byte) Plan {
	p := Plan{root: root, dir: dir}
	p.add(Change{Path: file, Old: old, New: content, Cause: Stale})
	return p
}
