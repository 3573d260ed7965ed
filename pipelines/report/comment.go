package report

// Comment returns the report as the text of a comment on a pull request, in at most
// room bytes: what the change does to the clusters that run, what was found beside
// that, and the differences in short. Nothing that others wrote is a mention, a link
// or markup. quiet reports whether there is nothing to tell.
func Comment(r *Report, o Options, room int) (text string, quiet bool) {
	text = summaryHead(r)
	steps := summaryPlan(r, room/2)
	if steps == "" {
		steps = "Nothing that is deployed changes.\n\n"
	}
	beside := *r
	beside.Findings = r.beside()
	text += steps + summaryTable(r)
	room -= len(text) + reserved
	if room > 0 {
		found := summaryFindings(&beside, o, room/2)
		text += found + summaryDiffs(r, o, room-len(found))
	}
	quiet = len(r.steps()) == 0 && len(beside.Findings)+len(r.Unfinished)+len(r.Fleet) == 0 && r.Count(Unchanged) == len(r.Clusters)
	return text, quiet
}
