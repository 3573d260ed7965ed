package report

import (
	"slices"
)

// planSize is how much of a summary the plan can take.
const planSize = 128 << 10

// steps returns the groups that a change does something to, and of which nothing is
// known beside them; none where there are no others.
func (r *Report) steps() []Planned {
	groups := slices.DeleteFunc(r.Planned(), func(p Planned) bool { return len(p.Steps) == 0 })
	if !slices.ContainsFunc(groups, func(p Planned) bool { return p.Steps[0] != unjudged }) {
		return nil
	}
	return groups
}

// summaryPlan returns what the change does to the clusters that run, in at most room
// bytes; nothing where it does nothing, or where not even a line fits.
func summaryPlan(r *Report, room int) string {
	groups := r.steps()
	if len(groups) == 0 {
		return ""
	}
	t := &textWriter{}
	t.plan(groups)
	const title, more = "### What it does\n\n", "\nCut here; this step's log has all of it.\n"
	room = min(room, planSize) - len(title) - len(more) - len("text\n\n")
	// A fence is longer than any row of backticks in the text.
	kept, cut := clipLines(clean(t.String()), max(0, room-2*(longestRun(t.String(), '`')+3)))
	if kept == "" {
		return ""
	}
	out := title + fenced("text", kept) + "\n"
	if cut {
		out += more[1:] + "\n"
	}
	return out
}
