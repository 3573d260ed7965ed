package pipelines

import (
	"fmt"
	"slices"

	"kasou/pipelines/baseline"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/report"
	"kasou/pipelines/trust"
	"kasou/pipelines/workspace"
)

// RuleUnusedSilence: fleet.yaml silences a rule that found nothing.
const RuleUnusedSilence finding.Rule = "fleet-unused-silence"

// loud are the rules that nothing silences: they are found in one commit alone, which
// could bring the silence along. A step that breaks a cluster has spec.accept.
var loud = []finding.Rule{trust.RuleNewPublicKey, trust.RuleNewCertificate, trust.RuleNewTool, trust.RuleNewSource, trust.RuleUnsigned, trust.RuleRollback, baseline.RuleFleet, baseline.RuleStep}

// silenced returns the report, sorted, without the notes and warnings that fleet.yaml silences. A
// silence that hit nothing is a note, where the run looked at the whole fleet.
func silenced(w *workspace.Workspace, out *report.Report) *report.Report {
	used := silence(w, out)
	if w.WholeFleet() {
		for i, s := range w.Fleet.Spec.Silence {
			switch {
			case slices.Contains(loud, finding.Rule(s.Rule)):
				out.Findings = append(out.Findings, w.Fleet.Finding(finding.Error, RuleUnusedSilence, []string{"spec", "silence", fmt.Sprint(i), "rule"},
					"the rule "+s.Rule+" is not to be silenced: it is found in the commit that makes the change, which could bring the silence along", "Take it out."))
			case !used[i]:
				out.Findings = append(out.Findings, w.Fleet.Finding(finding.Note, RuleUnusedSilence, []string{"spec", "silence", fmt.Sprint(i), "rule"},
					"the rule "+s.Rule+" is silenced, and found nothing", "Take it out: it would hide what comes later."))
			}
		}
	}
	return workspace.Sorted(out)
}

// silence takes the notes and warnings out of the report that fleet.yaml silences, and
// returns which of its silences hit any. Runs that do not look for all that a check finds
// stop at that.
func silence(w *workspace.Workspace, out *report.Report) []bool {
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
	return used
}

func hits(s fleet.Silence, f finding.Finding) bool {
	return s.Rule == string(f.Rule) && !slices.Contains(loud, f.Rule) && (len(s.Clusters) == 0 || slices.Contains(s.Clusters, f.Cluster))
}
