package cluster

import (
	"slices"

	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// reasons says why a cluster's files change: by the lock that stands (nil for a
// new cluster), the one that is wanted, the plan between them, and the wanted files.
func reasons(old *lockfile.Lock, wanted lockfile.Lock, p tree.Plan, files manifest.Set) []report.Reason {
	switch {
	case p.Empty():
		return nil
	case old == nil || len(old.Files) == 0:
		return []report.Reason{{Cause: report.Added}}
	}
	var all []report.Reason
	chart := old.Chart.Digest != wanted.Chart.Digest
	if chart {
		all = append(all, report.Reason{Cause: report.ChartChanged, From: old.Chart.Version, To: wanted.Chart.Version})
	}
	if !chart && old.Inputs != wanted.Inputs {
		all = append(all, report.Reason{Cause: report.SpecChanged})
	}
	if old.Inputs == wanted.Inputs {
		all = append(all, sameInputs(p, files)...)
	}
	if slices.ContainsFunc(p.Changes, func(c tree.Change) bool {
		return c.Cause == tree.HandEdit || c.Cause == tree.LineEnds || c.Cause == tree.Missing
	}) {
		all = append(all, report.Reason{Cause: report.Repaired})
	}
	if len(all) == 0 {
		all = append(all, report.Reason{Cause: report.SpecChanged})
	}
	return all
}

// sameInputs says why files change though nothing that they are made from has:
// sealed values are made anew for another certificate, everything else by
// another version of a tool.
func sameInputs(p tree.Plan, files manifest.Set) []report.Reason {
	var sealed, other bool
	for _, c := range p.Changes {
		f, generated := files[c.Path] // the lock is not among them
		switch {
		case c.Cause != tree.Stale || !generated:
		case f.Role == manifest.Sealed || f.Role == manifest.Registration:
			sealed = true
		default:
			other = true
		}
	}
	var all []report.Reason
	if other {
		all = append(all, report.Reason{Cause: report.ToolChanged})
	}
	if sealed {
		all = append(all, report.Reason{Cause: report.CertificateChanged})
	}
	return all
}
