package pipelines

import (
	"context"

	"kasou/pipelines/difference"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// diff returns what a plan changes, as the run shows it; nothing where it shows none.
// Control characters are written out.
func (r *run) diff(p tree.Plan) string {
	switch {
	case !r.Diff:
		return ""
	case r.FullDiff:
		return difference.Visible(p.FullDiff())
	}
	return p.Diff()
}

// clusterDiff is diff for a cluster's own plan, below what its spec changes since the
// commit that the change starts from: that is where the rest comes from. The error is
// git's, or the disk's.
func (r *run) clusterDiff(ctx context.Context, c fleet.Cluster, p tree.Plan) (string, error) {
	spec, err := r.personDiff(ctx, c.File)
	return spec + r.diff(p), err
}

// fleetFileDiff returns what fleet.yaml changes since that commit, where a cluster
// changes.
func (r *run) fleetFileDiff(ctx context.Context, out *report.Report) (string, error) {
	if out.Count(report.Changed) == 0 {
		return "", nil
	}
	return r.personDiff(ctx, layout.Of(r.Dir, "").Folder()+"/"+layout.Fleet)
}

// personDiff returns what changes in a file that a person wrote; nothing where the commit
// does not have it. A full diff is of what kasou writes alone.
func (r *run) personDiff(ctx context.Context, file string) (string, error) {
	if r.baseline == nil || !r.Diff || r.FullDiff {
		return "", nil
	}
	before, err := r.baseline.File(ctx, file)
	if err != nil || before == nil {
		return "", err
	}
	after, err := r.repo.ReadFile(file)
	if err != nil || string(after) == string(before) {
		return "", err
	}
	return difference.Meaning([]difference.Change{{Path: file, Old: before, New: after}}), nil
}
