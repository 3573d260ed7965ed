package drift

import (
	"fmt"

	"kasou/pipelines/finding"
	"kasou/pipelines/live"
	"kasou/pipelines/report"
)

// mark is how an object in git is tracked on the host.
type mark struct {
	object live.Object
	how    live.Mark
	// app is the Application that deploys the object.
	app string
}

// untracked returns rows for the objects that have lost the mark by which Argo
// CD knows the others.
func (l *liveWatch) untracked(found map[string]onHost) []report.Row {
	var methods [2]live.Method
	group := func(cluster string, m mark) *live.Method {
		if m.app == cluster {
			return &methods[0]
		}
		return &methods[1]
	}
	for cluster, on := range found {
		for _, m := range on.marks {
			group(cluster, m).Learn(m.how)
		}
	}
	var all []report.Row
	for _, c := range l.Clusters {
		for _, m := range found[c.Name].marks {
			lost := group(c.Name, m).Lost(m.how)
			if lost == "" {
				continue
			}
			all = append(all, *objectRow(c.Name, m.object, RuleLiveChanged,
				fmt.Sprintf("%s is not tracked by Argo CD as the others are: it does not have the %s of the Application %s", m.object.Name(), lost, m.app),
				"Look who took it away: argocd app sync "+m.app+" puts it back. Until then Argo CD does not prune the object."))
		}
	}
	return all
}

// unusedManagers returns notes for entries of fleet.yaml that nobody needed.
// It takes a look at every object of the fleet.
func (l *liveWatch) unusedManagers(found map[string]onHost) []report.Row {
	if !l.WholeFleet() {
		return nil
	}
	used := map[int]bool{}
	for _, on := range found {
		for i := range on.managers {
			used[i] = true
		}
		if !on.compared {
			return nil
		}
	}
	var all []report.Row
	for i, m := range l.Fleet.Spec.Managers() {
		if used[i] {
			continue
		}
		f := l.Fleet.Finding(finding.Note, RuleLiveManagerUnused, []string{"spec", "drift", "managers", fmt.Sprint(i)},
			fmt.Sprintf("spec.drift.managers lets %s add fields, and no object has one", m.Name), "Remove the entry, unless it is for what comes and goes.")
		all = append(all, report.Row{Finding: f, Kind: report.DriftLive, Repair: report.ByPerson})
	}
	return all
}
