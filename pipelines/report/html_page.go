package report

import (
	"fmt"
	"html/template"
	"maps"
	"slices"
	"strings"
	"time"

	"kasou/pipelines/finding"
)

// page is what the template shows.
type page struct {
	Policy        string
	Style, Script template.HTML
	Command       string
	Verdict, At   string
	Program       string
	Counts        []pageCount
	Planned       []Planned
	Clusters      []pageCluster
	// Facts says that the clusters have some, as kasou drift finds them.
	Facts bool
	Parts []pagePart
}

type pageCount struct {
	Number      int
	Word, Class string
}

// pageCluster is a line of the table. ID is that of its part, if it has one, and Word its
// status as people read it.
type pageCluster struct {
	Cluster
	ID, Class, Word string
	// Files says how many are created, updated and deleted.
	Files   string
	Expiry  expiry
	Drifted int
}

// pagePart is what was found about one cluster, about several of which the same is to be
// said, or about the fleet.
type pagePart struct {
	ID, Title string
	// Names are the clusters, none for the fleet.
	Names []string
	// Rows and Diff have NAME in the place of the cluster's name where several are meant.
	Rows []Row
	Diff []diffLine
}

type diffLine struct{ Text, Class string }

func pageOf(r *Report, o Options) page {
	p := page{
		Policy: policy(), Style: style(), Script: script(), Command: r.Command,
		Verdict: verdict(r), At: r.At, Program: strings.TrimSpace("kasou " + o.Version),
	}
	for _, s := range []Status{Failed, Drifted, Unknown, Changed, Removed, Unchanged} {
		if n := r.Count(s); n > 0 {
			p.Counts = append(p.Counts, pageCount{Number: n, Word: statusWord(r, s), Class: statusClass(s)})
		}
	}
	p.Planned = r.steps()
	rows := rowsByCluster(r, o.Verbose)
	p.Parts = partsOf(r, rows)
	parts := map[string]string{}
	for _, part := range p.Parts {
		for _, name := range part.Names {
			parts[name] = part.ID
		}
	}
	for _, c := range r.Clusters {
		line := lineOf(c, rows[c.Name], r.At)
		line.Word, line.Files, line.ID = statusWord(r, c.Status), countChanges(c.Changes), parts[c.Name]
		p.Facts = p.Facts || c.Facts != nil
		p.Clusters = append(p.Clusters, line)
	}
	return p
}

// lineOf returns a cluster's line of the table.
func lineOf(c Cluster, rows []Row, at string) pageCluster {
	line := pageCluster{Cluster: c, Class: statusClass(c.Status), Expiry: expiryOf(c.Facts, at)}
	for _, row := range rows {
		if row.Drifted() {
			line.Drifted++
		}
		if row.Rule == "drift-credential-ends" {
			line.Expiry.Class = "bad"
		}
	}
	return line
}

// partsOf returns what is to be said of the fleet and of the clusters, by the rows of each.
// The IDs hold no text from outside.
func partsOf(r *Report, rows map[string][]Row) []pagePart {
	var parts []pagePart
	add := func(title string, names []string, rows []Row, diff string) {
		if len(rows) > 0 || diff != "" {
			id := fmt.Sprintf("part-%d", len(parts)+1)
			parts = append(parts, pagePart{ID: id, Title: title, Names: names, Rows: rows, Diff: diffLines(diff)})
		}
	}
	add("The fleet", nil, rows[""], r.FleetDiff)
	like := func(c Cluster) string {
		same := withoutName(rows[c.Name], c.Name)
		for i := range same {
			same[i].Since = ""
		}
		return fmt.Sprintf("%#v %s", same, replaceName(c.Diff, c.Name)) // by %v a Row is its one line
	}
	for _, clusters := range grouped(r.Clusters, like) {
		first := clusters[0]
		if len(clusters) == 1 {
			add(first.Name, names(clusters), rows[first.Name], first.Diff)
			continue
		}
		same := withoutName(rows[first.Name], first.Name)
		for i := range same {
			differs := func(c Cluster) bool { return rows[c.Name][i].Since != same[i].Since }
			if slices.ContainsFunc(clusters, differs) {
				same[i].Since = ""
			}
		}
		add(titleOf(names(clusters)), names(clusters), same, replaceName(first.Diff, first.Name))
	}
	return parts
}

// withoutName returns rows with NAME in the place of a cluster's name.
func withoutName(rows []Row, name string) []Row {
	out := slices.Clone(rows)
	for i := range out {
		for _, text := range []*string{&out[i].Message, &out[i].Hint, &out[i].File, &out[i].Object, &out[i].Cluster} {
			*text = replaceName(*text, name)
		}
	}
	return out
}

func verdict(r *Report) string {
	switch n := r.Count(Drifted) + r.Count(Failed); {
	case n > 0:
		return fmt.Sprintf("%d of %s not as they should be", n, finding.Plural(len(r.Clusters), "cluster"))
	case r.Failed():
		return "not all is as it should be"
	case len(r.Unfinished) > 0 || r.Count(Unknown) > 0:
		return "not everything could be found out"
	case r.Count(Changed)+r.Count(Removed) > 0:
		return fmt.Sprintf("%d of %s %s", r.Count(Changed)+r.Count(Removed), finding.Plural(len(r.Clusters), "cluster"), changedWord(r))
	}
	return "all is as it should be"
}

func statusClass(s Status) string {
	switch s {
	case Failed, Drifted:
		return "bad"
	case Unknown, Changed, Removed:
		return "odd"
	case Unchanged:
		return "good"
	}
	return ""
}

// rowsByCluster returns the drift, and what a report has beside it: findings and
// unfinished work of any command.
func rowsByCluster(r *Report, verbose bool) map[string][]Row {
	rows := map[string][]Row{}
	add := func(row Row) { rows[row.Cluster] = append(rows[row.Cluster], row) }
	known := map[finding.Finding]bool{}
	for _, row := range r.Drift {
		known[row.Finding] = true
		add(row)
	}
	for _, f := range r.Findings {
		if !known[f] && (verbose || !asksForNothing(f)) {
			add(Row{Finding: f, Repair: ByPerson})
		}
	}
	for _, u := range r.Unfinished {
		said := func(row Row) bool { return row.Unknown && row.Message == u.Message }
		if !slices.ContainsFunc(rows[u.Cluster], said) {
			f := u.finding()
			f.Rule = "unfinished"
			add(Row{Finding: f, Repair: ByPerson})
		}
	}
	return mine(rows, r)
}

// mine returns the fleet what belongs to no cluster in the table.
func mine(rows map[string][]Row, r *Report) map[string][]Row {
	shown := map[string]bool{"": true}
	for _, c := range r.Clusters {
		shown[c.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		if !shown[name] {
			rows[""] = append(rows[""], rows[name]...)
		}
	}
	return rows
}

// expiry is the bar of a credential: how much of a year is left.
type expiry struct {
	Text, Label, Class string
	// Key sorts: what ends first comes first, what is not known last.
	Key     string
	Known   bool
	Percent int
}

func expiryOf(f *Facts, at string) expiry {
	none := expiry{Text: "–", Key: "9999"}
	if f == nil {
		return none
	}
	if !f.Registered {
		none.Text = "not registered"
		return none
	}
	end, err := time.Parse(time.RFC3339, f.Expires)
	now, errNow := time.Parse(time.RFC3339, at)
	if err != nil || errNow != nil {
		none.Text = "registered"
		return none
	}
	days := int(end.Sub(now).Hours()) / 24
	e := expiry{
		Text: end.Format(time.DateOnly), Label: fmt.Sprintf("%d days left", days), Key: f.Expires,
		Known: true, Percent: max(0, min(100, days*100/365)),
	}
	if !end.After(now) {
		e.Label, e.Class = "has ended", "bad"
	}
	return e
}

// diffLines returns the lines of a diff, each with its class.
func diffLines(diff string) []diffLine {
	if diff == "" {
		return nil
	}
	var lines []diffLine
	for text := range strings.SplitSeq(strings.TrimSuffix(diff, "\n"), "\n") {
		lines = append(lines, diffLine{Text: text, Class: diffClass(text)})
	}
	return lines
}

func diffClass(line string) string {
	switch {
	case strings.HasPrefix(line, "+++ "), strings.HasPrefix(line, "--- "):
		return "head"
	case strings.HasPrefix(line, "+"):
		return "add"
	case strings.HasPrefix(line, "-"):
		return "del"
	case strings.HasPrefix(line, "!"):
		return "mod"
	case strings.HasPrefix(line, " "), line == "":
		return ""
	}
	return "head" // a path, or @@
}
