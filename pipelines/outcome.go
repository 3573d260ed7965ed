package pipelines

import (
	"cmp"
	"maps"
	"slices"

	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// addCluster enters one cluster's outcome into the report.
func addCluster(out *report.Report, c fleet.Cluster, w written) {
	out.Findings = append(append(out.Findings, w.findings...), w.unknown...)
	unfinished(out, c.Name, w.err)
	entry := report.Cluster{Name: c.Name, Status: report.Unchanged, Diff: w.diff, Steps: w.steps}
	switch {
	case w.err != nil || w.cluster == "":
		entry.Status = report.Failed
	case w.plan.Empty() && (w.findings.Failed() || w.unknown.Failed()):
		entry.Status = report.Failed
	case !w.plan.Empty():
		entry.Status, entry.Changes, entry.Reasons = report.Changed, changes(w.plan), w.reasons
	}
	out.Clusters = append(out.Clusters, entry)
}

func changes(p tree.Plan) []report.Change {
	var all []report.Change
	for _, c := range p.Changes {
		all = append(all, report.Change{Path: c.Path, Kind: string(c.Kind), Cause: string(c.Cause)})
	}
	return all
}

// sorted puts the report's parts into their order.
func sorted(r *report.Report) *report.Report {
	r.Findings.Sort()
	r.Findings = tree.OneCheckout(r.Findings)
	slices.SortFunc(r.Clusters, func(a, b report.Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return r
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
