package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"

	"github.com/sethvargo/go-githubactions"

	"kasou/pipelines/finding"
)

// GitHub shows ten annotations of a severity for a step; it drops the others
// without a word.
const annotationsShown = 10

// annotationSize is far below what GitHub takes, and as much as people read.
const annotationSize = 4 << 10

// Annotations puts the worst findings at their lines: ten of each severity,
// then how many more the summary has.
func (g *GitHub) Annotations(r *Report) {
	if g == nil {
		return
	}
	shown, rest := choose(r)
	annotateAll(g.action, shown)
	if n := rest.count(); n > 0 {
		g.action.Noticef("and %d more in the summary", n)
	}
}

// selection is a part of a report's findings and unfinished work.
type selection struct {
	findings   finding.List
	unfinished []Unfinished
}

func (s selection) count() int { return len(s.findings) + len(s.unfinished) }

// choose returns what can be shown as annotations, worst first, and the rest.
// Where there is a rest, one notice is kept free to say so.
func choose(r *Report) (shown, rest selection) {
	sorted := worstFirst(r.Findings)
	left := map[finding.Severity]int{}
	for _, s := range []finding.Severity{finding.Error, finding.Warning, finding.Note} {
		left[s] = annotationsShown
	}
	errorsFound := r.Findings.Count(finding.Error) + len(r.Unfinished)
	if max(errorsFound, r.Findings.Count(finding.Warning), r.Findings.Count(finding.Note)) > annotationsShown {
		left[finding.Note]--
	}
	for _, f := range sorted {
		if left[f.Severity] > 0 {
			left[f.Severity]--
			shown.findings = append(shown.findings, f)
		} else {
			rest.findings = append(rest.findings, f)
		}
	}
	n := min(left[finding.Error], len(r.Unfinished))
	shown.unfinished, rest.unfinished = r.Unfinished[:n], r.Unfinished[n:]
	return shown, rest
}

// worstFirst sorts by severity and leaves the order otherwise.
func worstFirst(l finding.List) finding.List {
	l = slices.Clone(l)
	slices.SortStableFunc(l, func(a, b finding.Finding) int { return cmp.Compare(b.Severity, a.Severity) })
	return l
}

func annotateAll(action *githubactions.Action, s selection) {
	for _, f := range s.findings {
		annotate(action, f)
	}
	for _, u := range s.unfinished {
		action.Errorf("%s", clip(clean(u.String()), annotationSize))
	}
}

func annotate(action *githubactions.Action, f finding.Finding) {
	fields := map[string]string{"title": string(f.Rule)}
	if f.File != "" {
		fields["file"] = clip(Inert(valid(f.File)), annotationSize)
	}
	if f.Line > 0 {
		fields["line"] = fmt.Sprint(f.Line)
	}
	if f.Column > 0 {
		fields["col"] = fmt.Sprint(f.Column)
	}
	text := clip(clean(withHint(f.Message, f.Hint)), annotationSize)
	at := action.WithFieldsMap(fields)
	switch f.Severity {
	case finding.Error:
		at.Errorf("%s", text)
	case finding.Warning:
		at.Warningf("%s", text)
	default:
		at.Noticef("%s", text)
	}
}

// writeGitHub prints annotations, what is too much for them as text, and the
// counts.
func writeGitHub(w io.Writer, r *Report, o Options) error {
	var out bytes.Buffer
	action := githubactions.New(githubactions.WithWriter(&out))
	shown, rest := choose(r)
	annotateAll(action, shown)
	if n := rest.count(); n > 0 {
		action.Noticef("and %d more in the log", n)
		if err := writeText(inertLog(&out), &Report{Command: r.Command, Findings: rest.findings, Unfinished: rest.unfinished}, o); err != nil {
			return err
		}
	}
	fmt.Fprintf(&out, "%s: %d %s, %d failed, %d unchanged\n",
		finding.Plural(len(r.Clusters), "cluster"), r.Count(Changed)+r.Count(Removed), changedWord(r), r.Count(Failed), r.Count(Unchanged))
	_, err := out.WriteTo(w)
	return err
}
