package cluster

import (
	"context"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// ForShow returns a cluster of the workspace with what its values are made of, for a
// screen: its chart, the service range, and placeholders in place of the values of
// valuesFrom. Where a finding is an error there is no chart.
func ForShow(ctx context.Context, w *workspace.Workspace, c fleet.Cluster) (fleet.Cluster, toolchain.Chart, finding.List, error) {
	lock, findings, err := tree.ReadLock(w.Disk, c.Name)
	if err != nil || findings.Failed() {
		return c, toolchain.Chart{}, findings, err
	}
	_, found, err := w.Resolve(ctx, &c, lock)
	if findings = append(findings, found...); err != nil || findings.Failed() {
		return c, toolchain.Chart{}, findings, err
	}
	w.OnlyLooks, w.Getenv, w.OpenHost = true, nil, nil
	if _, _, err = (valueSource{w}).fill(ctx, &c); err != nil {
		return c, toolchain.Chart{}, findings, err
	}
	ch, _, found, err := w.Charts.Fetch(ctx, c, chartLock(lock))
	return c, ch, append(findings, found...), err
}
