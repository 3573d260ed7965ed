package report

import (
	"cmp"
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
	Planned       []pagePlanned
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
	Rows  []pageRow
	Diff  []diffLine
	// like has NAME in the place of the cluster's name.
	like *pagePart
}

type pageRow struct {
	Row
	Word, Class string
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
	p.Planned = planned(r)
	rows := rowsByCluster(r, o.Verbose)
	parts := partsOf{at: map[string]int{}}
	parts.add(Cluster{Diff: r.FleetDiff}, rows[""])
	for _, c := range r.Clusters {
		line := lineOf(c, rows[c.Name], r.At)
		line.Word, line.Files, line.ID = statusWord(r, c.Status), countChanges(c.Changes), parts.add(c, rows[c.Name])
		p.Facts = p.Facts || c.Facts != nil
		p.Clusters = append(p.Clusters, line)
	}
	p.Parts = parts.all()
	return p
}

// lineOf returns a cluster's line of the table.
func lineOf(c Cluster, rows []pageRow, at string) pageCluster {
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

// partsOf gathers the parts of a page. at has their indexes by what they say, without
// the names of clusters.
type partsOf struct {
	parts []pagePart
	at    map[string]int
}

// add returns the ID of the part that says what is to be said of the cluster, a new one
// where none does; "" where there is nothing. It holds no text from outside.
func (p *partsOf) add(c Cluster, rows []pageRow) string {
	if len(rows) == 0 && c.Diff == "" {
		return ""
	}
	part := pagePart{ID: fmt.Sprintf("part-%d", len(p.parts)+1), Title: cmp.Or(c.Name, "The fleet"), Rows: rows, Diff: diffLines(c.Diff)}
	if c.Name == "" {
		p.parts = append(p.parts, part)
		return part.ID
	}
	diff := replaceName(c.Diff, c.Name)
	like := &pagePart{Rows: withoutName(rows, c.Name), Diff: diffLines(diff)}
	key := fmt.Sprintf("%+v %s", like.Rows, diff)
	if i, known := p.at[key]; known {
		p.parts[i].Names = append(p.parts[i].Names, c.Name)
		return p.parts[i].ID
	}
	p.at[key] = len(p.parts)
	part.Names, part.like = []string{c.Name}, like
	p.parts = append(p.parts, part)
	return part.ID
}

// all returns the parts, those of several clusters without the name of any.
func (p *partsOf) all() []pagePart {
	for i, part := range p.parts {
		if len(part.Names) > 1 {
			p.parts[i].Title = Planned{Names: part.Names}.title()
			p.parts[i].Rows, p.parts[i].Diff = part.like.Rows, part.like.Diff
		}
	}
	return p.parts
}

// withoutName returns rows with NAME in the place of a cluster's name.
func withoutName(rows []pageRow, name string) []pageRow {
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
func rowsByCluster(r *Report, verbose bool) map[string][]pageRow {
	rows := map[string][]pageRow{}
	add := func(row Row) {
		shown := pageRow{Row: row}
		shown.Word, shown.Class = rowWord(row)
		rows[row.Cluster] = append(rows[row.Cluster], shown)
	}
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
		said := func(row pageRow) bool { return row.Unknown && row.Message == u.Message }
		if !slices.ContainsFunc(rows[u.Cluster], said) {
			f := u.finding()
			f.Rule = "unfinished"
			add(Row{Finding: f, Repair: ByPerson})
		}
	}
	return mine(rows, r)
}

// mine returns the fleet what belongs to no cluster in the table.
func mine(rows map[string][]pageRow, r *Report) map[string][]pageRow {
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

func rowWord(r Row) (word, class string) {
	word = cmp.Or(string(r.Kind), r.Severity.String())
	switch {
	case r.Repaired:
		return word + ", repaired", "good"
	case r.Unknown:
		return word + ", unknown", "odd"
	case r.Severity == finding.Error:
		return word, "bad"
	case r.Severity == finding.Warning:
		return word, "odd"
	}
	return word, "faint"
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
