package pipelines

import (
	"context"

	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// New writes the spec.yaml of a new cluster and checks it with the rest of the
// fleet. It fails where the spec makes no sense by itself, writing nothing, and
// with fs.ErrExist where the cluster has a spec already.
func New(ctx context.Context, o Options, wanted fleet.NewOptions) (*report.Report, error) {
	data, err := fleet.NewSpec(wanted)
	if err != nil {
		return nil, err
	}
	if err := workspace.Sweep(ctx, o); err != nil {
		return nil, err
	}
	file := layout.Of(o.Dir, wanted.Name).Spec()
	if err := tree.Create(o.Root, file, data); err != nil {
		return nil, err
	}
	_, findings, err := fleet.Load(o.Root, o.Dir)
	return workspace.Sorted(&report.Report{
		Command:  "new",
		Clusters: []report.Cluster{{Name: wanted.Name, Status: report.Changed, Changes: []report.Change{{Path: file, Kind: "create", Cause: "new"}}}},
		Findings: findings,
	}), err
}
