package pipelines

import (
	"cmp"
	"context"
	"os"
	"path/filepath"

	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/report"
	"kasou/pipelines/tree/disk"
	"kasou/pipelines/workspace"
)

// editorSchema returns the schema that the spec of a new cluster is to name: that of a
// cluster with the same chart, or of the chart's name and version; empty where kasou lock
// has written neither.
func editorSchema(o Options, wanted fleet.NewOptions) string {
	f, _, err := fleet.Load(o.Root, o.Dir)
	if err != nil {
		return ""
	}
	ref := wanted.Chart
	if d := f.Spec.Defaults; ref == (fleet.Chart{}) && d != nil && d.Chart != nil {
		ref = *d.Chart
	}
	file := fleet.SpecSchemaFileFor(ref.Name, ref.Version)
	for i := range f.Clusters {
		if c := f.Clusters[i]; c.Spec.Chart != nil && *c.Spec.Chart == ref {
			file = cmp.Or(fleet.Modeline(f.Text(c.File)), file)
			break
		}
	}
	if _, err := os.Stat(filepath.Join(o.Root, filepath.FromSlash(o.Dir), file)); err != nil {
		return ""
	}
	return file
}

// New writes the spec.yaml of a new cluster and checks it with the rest of the
// fleet. It fails where the spec makes no sense by itself, writing nothing, and
// with fs.ErrExist where the cluster has a spec already.
func New(ctx context.Context, o Options, wanted fleet.NewOptions) (*report.Report, error) {
	wanted.Schema = editorSchema(o, wanted)
	data, err := fleet.NewSpec(wanted)
	if err != nil {
		return nil, err
	}
	if err := workspace.Sweep(ctx, &o); err != nil {
		return nil, err
	}
	file := layout.Of(o.Dir, wanted.Name).Spec()
	if err := disk.Create(o.Root, file, data); err != nil {
		return nil, err
	}
	_, findings, err := fleet.Load(o.Root, o.Dir)
	return workspace.Sorted(&report.Report{
		Command:  "new",
		Clusters: []report.Cluster{{Name: wanted.Name, Status: report.Changed, Changes: []report.Change{{Path: file, Kind: "create", Cause: "new"}}}},
		Findings: findings,
	}), err
}
