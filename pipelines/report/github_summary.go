package report

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// The runner drops a step's summary that is larger than 1 MiB. What is shown of
// each part has a share of it.
const (
	summarySize  = 1 << 20
	summaryRows  = 200
	findingsSize = 256 << 10
	diffSize     = 64 << 10
	// reserved is for the words that say what was left out.
	reserved = 1 << 10
)

var errSummaryFull = errors.New("GITHUB_STEP_SUMMARY: no room left in this step's summary; the log has it all")

// Summary appends the report to the step's summary, as Markdown: a table of the
// clusters that are not as they should be, the findings, and the differences,
// folded for each cluster. What doesn't fit is named with where it is instead.
// o.Source adds the lines that findings point at.
func (g *GitHub) Summary(r *Report, o Options) error {
	if g == nil {
		return nil
	}
	room := summarySize
	if info, err := os.Stat(g.getenv("GITHUB_STEP_SUMMARY")); err == nil {
		room -= int(min(info.Size(), summarySize))
	}
	text := Issue(r, o, room-1) // the library ends it with a newline
	if text == "" {
		return errSummaryFull
	}
	return g.writeFile("GITHUB_STEP_SUMMARY", func() { g.action.AddStepSummary(text) })
}

// Issue returns the report as the body of a GitHub issue, or a step's summary, in at most
// room bytes. Nothing that others wrote is a mention, a link or markup. o.Source adds the
// lines that findings point at. It is empty where not even its head fits.
func Issue(r *Report, o Options, room int) string {
	head := summaryHead(r)
	head += summaryPlan(r, room-len(head)) + summaryTable(r)
	room -= len(head) + reserved
	if room < 0 {
		return ""
	}
	found := summaryFindings(r, o, min(room, findingsSize))
	return head + found + summaryDiffs(r, o, room-len(found))
}

func summaryHead(r *Report) string {
	verdict := "all is as it should be"
	switch {
	case len(r.Unfinished) > 0:
		verdict = "could not finish"
	case r.Failed():
		verdict = "failed"
	case r.Count(Changed)+r.Count(Removed)+len(r.Fleet) > 0:
		verdict = "done"
	}
	return fmt.Sprintf("## kasou %s: %s\n\n%s\n\n", plainName(r.Command), verdict, summaryCounts(r))
}

func summaryCounts(r *Report) string {
	parts := append([]string{finding.Plural(len(r.Clusters), "cluster")}, counts(r, Failed, Drifted, Unknown, Changed, Removed, Unchanged)...)
	if n := len(r.Findings); n > 0 {
		parts = append(parts, finding.Plural(n, "finding"))
	}
	return strings.Join(parts, " · ")
}

func statusWord(r *Report, s Status) string {
	switch s {
	case Changed:
		return changedWord(r)
	case Unchanged, Removed, Failed, Drifted, Unknown:
		return string(s)
	}
	return plainName(string(s))
}

// summaryTable lists what failed first, then what changed, those of which the same
// is to be said in one row. Of ten thousand clusters most are unchanged; the counts have
// them.
func summaryTable(r *Report) string {
	var rows []string
	for _, s := range []Status{Failed, Drifted, Unknown, Removed, Changed} {
		of := slices.DeleteFunc(slices.Clone(r.Clusters), func(c Cluster) bool { return c.Status != s })
		for _, alike := range grouped(of, func(c Cluster) string { return countChanges(c.Changes) }) {
			rows = append(rows, fmt.Sprintf("| %s | %s | %s |\n", codeNames(names(alike), "`", "`"), statusWord(r, s), countChanges(alike[0].Changes)))
		}
	}
	if len(rows) == 0 {
		return ""
	}
	more := ""
	if n := len(rows) - summaryRows; n > 0 {
		rows, more = rows[:summaryRows], fmt.Sprintf("and %s more in the log\n\n", finding.Plural(n, "row"))
	}
	return "| cluster | status | files |\n|---|---|---|\n" + strings.Join(rows, "") + "\n" + more
}

// codeNames returns one name, or how many and three of them, each between marks that
// make it code.
func codeNames(names []string, begin, end string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = begin + plainName(name) + end
	}
	if len(names) == 1 {
		return quoted[0]
	}
	return fmt.Sprintf("%d clusters: %s", len(names), finding.Few(quoted, 3))
}

// summaryFindings returns the worst findings as the text report has them.
func summaryFindings(r *Report, o Options, room int) string {
	var entries []string
	t := newTextWriter(r, Options{Source: o.Source})
	if len(r.Unfinished) > 0 {
		t.unfinished(r.Unfinished)
		entries = append(entries, t.String())
	}
	shown, hidden := quiet(r.Findings, o.Verbose)
	for _, l := range Likes(worstFirst(shown)) {
		t.Reset()
		t.like(l)
		entries = append(entries, t.String())
	}
	if line := hiddenLine(hidden); line != "" {
		entries = append(entries, line+"\n")
	}
	return shownFindings(entries, room)
}

// shownFindings puts as many as fit into one block.
func shownFindings(entries []string, room int) string {
	if len(entries) == 0 {
		return ""
	}
	const title = "### Findings\n\n"
	room -= len(title)
	kept, size, run := 0, 0, 3
	for _, e := range entries {
		size += len(valid(e))
		run = max(run, longestRun(e, '`')+1)
		if size+2*run+len("text\n\n\n") > room {
			break
		}
		kept++
	}
	out := title
	if kept > 0 {
		out += fenced("text", strings.Join(entries[:kept], "")) + "\n"
	}
	if left := len(entries) - kept; left > 0 {
		out += fmt.Sprintf("and %d more in this step's log\n\n", left)
	}
	return out
}

// summaryDiffs returns the differences in at most room bytes, besides the words
// for what is left out.
func summaryDiffs(r *Report, o Options, room int) string {
	var b strings.Builder
	left := 0
	add := func(line string, changes []Change, diff string) {
		if len(changes) == 0 && diff == "" {
			return
		}
		block := diffBlock(line, changes, diff)
		if b.Len()+len(block) > room {
			left++
			return
		}
		b.WriteString(block)
	}
	add("the fleet: "+countChanges(r.Fleet), r.Fleet, r.FleetDiff)
	for _, g := range r.Changed(o.Alone) {
		add(codeNames(g.Names, "<code>", "</code>")+": "+countChanges(g.changes), g.changes, g.Diff)
	}
	if left > 0 {
		fmt.Fprintf(&b, "%s did not fit here: this step's log has all.\n", finding.Plural(left, "difference"))
	}
	return b.String()
}

// diffBlock returns the diff, or the changed files where no diff was made.
func diffBlock(line string, changes []Change, diff string) string {
	language := "diff"
	if diff == "" {
		language = "text"
		for _, c := range changes {
			diff += Inert(c.Kind) + " " + Inert(c.Path) + "\n"
		}
	}
	kept, cut := clipLines(diff, diffSize)
	block := fenced(language, kept)
	if cut {
		block += "\nCut here; this step's log has all of it.\n"
	}
	return folded(line, block)
}
