package pipelines

import (
	"fmt"
	"slices"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/workspace"
)

// RuleUnusedSilence: fleet.yaml silences a rule that found nothing.
const RuleUnusedSilence finding.Rule = "fleet-unused-silence"

// silenced returns the report, sorted, without the notes and warnings that fleet.yaml silences. A
// silence that hit nothing is a note, where the run looked at the whole fleet.
func silenced(w *workspace.Workspace, out *report.Report) *report.Report {
	used := make([]bool, len(w.Fleet.Spec.Silence))
	out.Findings = slices.DeleteFunc(out.Findings, func(f finding.Finding) bool {
		if f.Severity == finding.Error {
			return false
		}
		for i, s := range w.Fleet.Spec.Silence {
			if hits(s, f) {
				used[i] = true
				return true
			}
		}
		return false
	})
	if w.WholeFleet() {
		for i, s := range w.Fleet.Spec.Silence {
			if !used[i] {
				out.Findings = append(out.Findings, w.Fleet.Finding(finding.Note, RuleUnusedSilence, []string{"spec", "silence", fmt.Sprint(i), "rule"},
					"the rule "+s.Rule+" is silenced, and found nothing", "Take it out: it would hide what comes later."))
			}
		}
	}
	return workspace.Sorted(out)
}

func hits(s fleet.Silence, f finding.Finding) bool {
	return s.Rule == string(f.Rule) && (len(s.Clusters) == 0 || slices.Contains(s.Clusters, f.Cluster))
}
