package report

import (
	"fmt"
	"strings"

	"kasou/pipelines/finding"
)

// Proposal returns the text of a pull request that makes the report's hops, in at most
// room bytes: the hops, what they do to the clusters that run, and what a person has
// to know beside that. Nothing that others wrote is a mention, a link or markup.
func Proposal(r *Report, o Options, room int) string {
	var lines []string
	for _, g := range r.UpgradeGroups() {
		if g.To == "" {
			continue
		}
		lines = append(lines, titleOf(g.Names)+": "+g.Line())
		if g.Stopped != "" {
			lines = append(lines, "  ends there: "+g.Stopped)
		}
	}
	shown, cut := clipLines(clean(strings.Join(lines, "\n")+"\n"), room/4)
	text := "### The hop\n\n" + fenced("text", shown) + "\n"
	if cut {
		text += "Cut here; the differences have all of it.\n\n"
	}
	text += summaryPlan(r, room/2)
	return text + summaryFindings(&Report{Command: r.Command, Findings: r.beside(), Text: r.Text}, o, max(0, room-len(text)-reserved))
}

// beside are the findings that neither the hops nor the plan tell.
func (r *Report) beside() finding.List {
	var kept finding.List
	for _, f := range r.Findings {
		if f.Rule != PlanRule && f.Rule != newerChart && f.Severity != finding.Note {
			kept = append(kept, f)
		}
	}
	return kept
}

// ProposalTitle returns the title of that pull request; ring is empty where the fleet
// has none.
func ProposalTitle(r *Report, ring string) string {
	what := "Upgrade"
	if ring != "" {
		what += " ring " + plainName(ring)
	}
	steps, n := map[string]bool{}, 0
	step := ""
	for _, u := range r.Upgrades {
		if u.To != "" {
			step = fmt.Sprintf("%s %s to %s", plainName(u.Chart), plainName(u.From), plainName(u.To))
			steps[step] = true
			n++
		}
	}
	if len(steps) == 1 {
		return what + ": " + step
	}
	return what + ": " + finding.Plural(n, "cluster")
}

// Stale returns why there is no hop any more, as a comment.
func Stale(r *Report, run string) string {
	var why []string
	for _, g := range r.UpgradeGroups() {
		if g.Why != "" {
			why = append(why, titleOf(g.Names)+": "+g.Why)
		}
	}
	text := "There is no hop to make now: " + run + "\n"
	if len(why) > 0 {
		shown, _ := clipLines(clean(strings.Join(why, "\n")+"\n"), 16<<10)
		text += "\n" + fenced("text", shown)
	}
	return text
}
