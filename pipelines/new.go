package pipelines

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/report"
	"kasou/pipelines/tree/disk"
	"kasou/pipelines/workspace"
)

// editorSchema returns the schema that the spec of a new cluster is to name: that of a
// cluster with the same chart, or of the chart's name and version; empty where kasou lock
// has written neither.
func editorSchema(o Options, f *fleet.Fleet, wanted fleet.NewOptions) string {
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

// complete fills in what the fleet says of a new spec, where there is a fleet. The error is
// a *fleet.NewSpecError.
func complete(o Options, wanted *fleet.NewOptions) error {
	f, found, err := fleet.Load(o.Root, o.Dir)
	if err != nil {
		return nil // there may be no clusters folder yet
	}
	wanted.Schema = editorSchema(o, f, *wanted)
	wanted.EndpointKind = f.EndpointKind(wanted.Class)
	if slices.ContainsFunc(found, func(p finding.Finding) bool { return p.File == f.File && p.Severity == finding.Error }) {
		return nil // New reports it
	}
	return f.CheckNew(*wanted)
}

// New writes the spec.yaml of a new cluster and checks it with the rest of the
// fleet. It fails where the spec makes no sense by itself, or names a host or a class that
// the fleet does not have, writing nothing, and with fs.ErrExist where the cluster has a
// spec already.
func New(ctx context.Context, o Options, wanted fleet.NewOptions) (*report.Report, error) {
	if err := complete(o, &wanted); err != nil {
		return nil, err
	}
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
