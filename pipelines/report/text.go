package report

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode"

	"kasou/pipelines/difference"
	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// ANSI escapes for the text report.
const (
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	faint  = "\x1b[2m"
	reset  = "\x1b[0m"
)

// colors are those of the classes that the page's style has, too.
var colors = map[string]string{"bad": red, "odd": yellow, "good": green, "faint": faint}

// textWriter gathers the text.
type textWriter struct {
	bytes.Buffer
	options Options
	sources map[string][]string
	// text is Report.Text.
	text func(file string) []byte
	// rows of drift, by the findings that they say more about.
	rows map[finding.Finding]Row
	// written are the files that the run has changed since it found anything in them.
	written map[string]bool
}

// written returns the paths of the files that the run wrote.
func (r *Report) written() map[string]bool {
	files := map[string]bool{}
	if r.DryRun || r.Command != "build" {
		return files
	}
	for _, c := range r.Clusters {
		for _, change := range c.Changes {
			files[change.Path] = true
		}
	}
	return files
}

func newTextWriter(r *Report, o Options) *textWriter {
	return &textWriter{options: o, sources: map[string][]string{}, text: r.Text, rows: r.rowsByFinding()}
}

func writeText(w io.Writer, r *Report, o Options) error {
	t := newTextWriter(r, o)
	t.written = r.written()
	shown, hidden := quiet(r.Findings, o.Verbose)
	likes := slices.DeleteFunc(t.likes(shown), func(l Like) bool {
		return r.Command == "plan" && l.Rule == PlanRule || r.Command == "upgrade" && l.Rule == newerChart
	})
	for i, l := range likes {
		// Files that are wrong in the same way want the same: it stands below the last.
		if i+1 < len(likes) && l.Line == 0 && l.sameBut(likes[i+1]) {
			l.Hint = ""
		}
		t.like(l)
	}
	if line := hiddenLine(hidden); line != "" {
		fmt.Fprintf(t, "%s\n", t.paint(faint, line))
	}
	t.unfinished(r.Unfinished)
	t.probes(r.Probes)
	if r.Command != "init" {
		t.steps(r.Steps)
	}
	switch r.Command {
	case "plan":
		t.plan(r.Planned())
	case "upgrade":
		t.upgrades(r)
		t.summary(r)
	default:
		t.changes(r)
		t.summary(r)
	}
	if r.Command == "init" {
		t.steps(r.Steps)
	}
	_, err := t.WriteTo(w)
	return err
}

func (t *textWriter) steps(steps []Step) {
	for _, s := range steps {
		fmt.Fprintf(t, "%-7s %-12s %s\n", s.State, Inert(s.Name), indented(s.Detail))
	}
}

func (t *textWriter) paint(color, s string) string {
	if !t.options.Color || s == "" {
		return s
	}
	return color + s + reset
}

func (t *textWriter) probes(probes []Probe) {
	for _, p := range probes {
		mark := t.paint(green, "ok  ")
		switch {
		case p.OK && p.Beside:
			mark = t.paint(faint, "note")
		case p.Beside:
			mark = t.paint(yellow, "warn")
		case !p.OK:
			mark = t.paint(red, "fail")
		}
		fmt.Fprintf(t, "%s %-12s %s\n", mark, Inert(p.Name), indented(p.Detail))
	}
}

// severityClass returns the class that a severity is shown with.
func severityClass(s finding.Severity) string {
	switch s {
	case finding.Error:
		return "bad"
	case finding.Warning:
		return "odd"
	default:
		return "faint"
	}
}

func (t *textWriter) like(l Like) {
	f := l.Finding
	t.position(f)
	fmt.Fprintf(t, "%s: %s %s", t.paint(colors[severityClass(f.Severity)], f.Severity.String()),
		indented(f.Message), t.paint(faint, "["+string(f.Rule)+"]"))
	t.around(l)
	row := t.rows[l.first]
	note := row.note()
	if len(l.Clusters) > 1 {
		row.Since = "" // each cluster has a date of its own, which -v shows
		note = replaceName(row.note(), l.first.Cluster)
	}
	if note != "" {
		fmt.Fprintf(t, "  %s\n", t.paint(faint, Inert(note)))
	}
}

// around ends the line of a finding, with those that have it alike, and prints below it
// the line at fault and what to do.
func (t *textWriter) around(l Like) {
	if several := l.String(); several != "" {
		t.WriteString(" " + t.paint(bold, "("+Inert(several)+")"))
	}
	t.WriteString("\n")
	t.sourceLine(l.Finding)
	if l.Hint != "" {
		fmt.Fprintf(t, "  %s\n", indented(l.Hint))
	}
}

func (t *textWriter) position(f finding.Finding) {
	if p := f.Position(); p != "" {
		fmt.Fprintf(t, "%s: ", t.paint(bold, Inert(p)))
	}
}

// unfinished prints what could not be finished, and why; what several clusters have alike
// once.
func (t *textWriter) unfinished(all []Unfinished) {
	list := make(finding.List, len(all))
	for i, u := range all {
		list[i] = u.finding()
	}
	for _, l := range t.likes(list) {
		t.position(l.Finding)
		u := Unfinished{Cluster: l.Cluster, Message: l.Message}
		if len(l.Clusters) > 1 {
			u.Cluster = ""
		}
		t.WriteString(t.paint(red, indented(u.String())))
		t.around(l)
	}
}

// sourceLine shows the line at fault with a caret below it, where the file can
// be read and the line is short enough to help. A note is of no fault, and in a file that
// the run has written meanwhile the line is no longer at fault.
func (t *textWriter) sourceLine(f finding.Finding) {
	line, ok := t.line(f.File, f.Line)
	if !ok || t.written[f.File] || f.Severity == finding.Note || f.Column < 1 || f.Column > len(line)+1 || len(line) > 160 {
		return
	}
	number := fmt.Sprintf("%5d | ", f.Line)
	fmt.Fprintf(t, "%s%s\n", t.paint(faint, number), Inert(line))
	indent := strings.Repeat(" ", len([]rune(line[:f.Column-1])))
	fmt.Fprintf(t, "%s%s\n", t.paint(faint, strings.Repeat(" ", 5)+" | "), indent+t.paint(green, "^"))
}

func (t *textWriter) line(file string, number int) (string, bool) {
	if t.options.Source == nil || file == "" || number < 1 {
		return "", false
	}
	lines, ok := t.sources[file]
	if !ok {
		var data []byte
		if t.text != nil {
			data = t.text(file)
		}
		if data == nil {
			data, _ = t.options.Source(file) // what cannot be had has no lines
		}
		if data != nil && mayBeShown(file, data) {
			lines = strings.Split(string(data), "\n")
		}
		t.sources[file] = lines
	}
	if number > len(lines) {
		return "", false
	}
	return strings.TrimRight(lines[number-1], "\r"), true
}

// mayBeShown reports whether lines of a file can be: not where somebody put a Secret into
// it. What people write for kasou holds none, also where it does not parse.
func mayBeShown(file string, data []byte) bool {
	base := path.Base(file)
	return base == layout.Spec || base == layout.Fleet || !difference.HoldsSecret(data)
}

func (t *textWriter) changes(r *Report) {
	if r.FleetDiff != "" {
		t.diff(r.FleetDiff)
	} else {
		for _, c := range r.Fleet {
			fmt.Fprintf(t, "%s: %sd\n", Inert(c.Path), c.Kind)
		}
	}
	for _, g := range r.Changed(t.options.Verbose || t.options.Alone) {
		title := t.paint(bold, Inert(titleOf(g.Names)))
		if g.Diff == "" {
			fmt.Fprintf(t, "%s: %s\n", title, Inert(g.Files))
			continue
		}
		fmt.Fprintf(t, "%s:\n", title)
		t.diff(g.Diff)
	}
}

// diff prints a difference, line by line, with its colours.
func (t *textWriter) diff(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		fmt.Fprintf(t, "%s\n", t.paint(diffColor(line), Inert(line)))
	}
}

func diffColor(line string) string {
	switch {
	case strings.HasPrefix(line, "--- "), strings.HasPrefix(line, "+++ "):
		return bold
	case strings.HasPrefix(line, "+"):
		return green
	case strings.HasPrefix(line, "-"):
		return red
	case strings.HasPrefix(line, "!"), strings.HasPrefix(line, "@@"):
		return yellow
	}
	return ""
}

func countChanges(changes []Change) string {
	kinds := map[string]int{}
	for _, c := range changes {
		kinds[c.Kind]++
	}
	var parts []string
	for _, kind := range []string{"create", "update", "delete"} {
		if n := kinds[kind]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %sd", finding.Plural(n, "file"), kind))
		}
	}
	return strings.Join(parts, ", ")
}

func (t *textWriter) summary(r *Report) {
	if r.Command == "new" || r.Command == "values" {
		return // one cluster, and its line is there already
	}
	if r.Command == "check" && !r.Failed() && len(r.Findings) == 0 && len(r.Unfinished) == 0 {
		return
	}
	if parts := counts(r, Changed, Removed, Failed, Drifted, Unknown, Unchanged); len(parts) > 0 {
		fmt.Fprintf(t, "%s: %s\n", finding.Plural(len(r.Clusters), "cluster"), strings.Join(parts, ", "))
	}
}

// counts returns how many clusters have each of the states, where any has.
func counts(r *Report, states ...Status) []string {
	var parts []string
	for _, s := range states {
		if n := r.Count(s); n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, statusWord(r, s)))
		}
	}
	return parts
}

// changedWord says what Changed means for the command.
func changedWord(r *Report) string {
	switch {
	case r.DryRun:
		return "to change"
	case r.Command == "check":
		return "stale"
	case r.Command == "register":
		return "registered"
	case r.Command == "lock":
		return "pinned"
	case r.Command == "import":
		return "imported"
	default:
		return "built"
	}
}

// indented makes text inert line by line, and indents all lines but the first.
func indented(s string) string { return strings.ReplaceAll(clean(s), "\n", "\n    ") }

// Inert makes text from a spec, a chart or a server harmless on a terminal:
// control characters, which could move the cursor or recolour what follows,
// are shown as escapes. Newlines are kept out too; tabs become a space.
func Inert(s string) string {
	if !strings.ContainsFunc(s, isHarmful) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\t':
			b.WriteByte(' ')
		case isHarmful(r):
			fmt.Fprintf(&b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isHarmful also holds for the bidirectional overrides, which make text read
// otherwise than it is.
func isHarmful(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)
}
