package report

import (
	"fmt"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// PlanRule is the rule of what a change does and nobody has to accept: a plan shows
// it by its steps.
const PlanRule = "plan-step"

// Planned are clusters to which a change does the same.
type Planned struct {
	// Names are sorted.
	Names []string
	// Steps have NAME in the place of the cluster's name.
	Steps []Transition
	// BytesAlone says that files change, and nothing that is deployed does.
	BytesAlone bool
}

// placeholder stands for a cluster's name in the steps of several.
const placeholder = "NAME"

// Planned groups the clusters by what the change does to them, those with the worst
// first; the last has no steps, where nothing that is deployed changes.
func (r *Report) Planned() []Planned {
	like := func(c Cluster) Planned {
		steps := c.likeOthers()
		return Planned{Steps: steps, BytesAlone: len(steps) == 0 && len(c.Changes) > 0}
	}
	var groups []Planned
	for _, clusters := range grouped(r.Clusters, func(c Cluster) string { return fmt.Sprint(like(c)) }) {
		g := like(clusters[0])
		g.Names = names(clusters)
		if len(clusters) == 1 {
			g.Steps = clusters[0].planned()
		}
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b Planned) int { return severityOf(a) - severityOf(b) })
	return groups
}

// unjudged is the step of a cluster with errors, for which no step was found: unknown
// is not nothing.
var unjudged = Transition{Effect: "unknown", Message: "what the change does is not known: the cluster has errors"}

// planned returns the cluster's steps, as a plan shows them.
func (c Cluster) planned() []Transition {
	if c.Status == Failed && len(c.Steps) == 0 {
		return []Transition{unjudged}
	}
	return c.Steps
}

// likeOthers returns the cluster's steps without its name.
func (c Cluster) likeOthers() []Transition {
	steps := slices.Clone(c.planned())
	for i := range steps {
		steps[i].Message = replaceName(steps[i].Message, c.Name)
		steps[i].From, steps[i].To = replaceName(steps[i].From, c.Name), replaceName(steps[i].To, c.Name)
	}
	return steps
}

// replaceName replaces a name where it stands between other characters than letters and
// digits, as before the suffixes that charts append to it.
func replaceName(text, name string) string {
	var b strings.Builder
	for {
		i := strings.Index(text, name)
		if i < 0 {
			return b.String() + text
		}
		end := i + len(name)
		before := i == 0 || !inWord(text[i-1])
		after := end == len(text) || !inWord(text[end])
		b.WriteString(text[:i])
		if before && after {
			b.WriteString(placeholder)
		} else {
			b.WriteString(name)
		}
		text = text[end:]
	}
}

// inWord reports whether a byte belongs to a word: a letter or a digit, or a part of one
// beyond ASCII.
func inWord(b byte) bool {
	return b >= 0x80 || '0' <= b && b <= '9' || 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z'
}

// effects have the words of transition.Effect, the worst first, behind that of a cluster
// of which nothing is known.
var effects = []string{
	"unknown", "data-lost", "empty-cluster", "refused-by-vcluster", "refused-by-api-server", "unreachable", "source-moves", "guard-lifted",
	"kubernetes-moves", "workloads-affected", "left-running", "objects-left", "ignored", "credential-stale", "restart", "applied", "comes", "leaves",
}

func severityOf(p Planned) int {
	if len(p.Steps) == 0 {
		return len(effects)
	}
	return slices.Index(effects, p.Steps[0].Effect)
}

// nothing says that the change does nothing.
func (p Planned) nothing() string {
	if p.BytesAlone {
		return "the bytes of files change, and nothing that is deployed does"
	}
	return "nothing that is deployed changes"
}

// Title names the clusters.
func (p Planned) Title() string { return titleOf(p.Names) }

// titleOf returns one name, or the number of several with three of them.
func titleOf(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return fmt.Sprintf("%d clusters (%s)", len(names), finding.Few(names, 3))
}

// plan prints what a change does, group by group.
func (t *textWriter) plan(groups []Planned) {
	for _, g := range groups {
		if len(g.Steps) == 0 {
			fmt.Fprintf(t, "%s: %s\n", t.paint(bold, Inert(g.Title())), g.nothing())
			continue
		}
		fmt.Fprintf(t, "%s:\n", t.paint(bold, Inert(g.Title())))
		for _, s := range g.Steps {
			fmt.Fprintf(t, "  %s %s\n", t.paint(colors[s.Class()], fmt.Sprintf("%-21s", s.Word())), indented(s.Message))
		}
	}
}

// Word is the effect, and whether the spec accepts it.
func (s Transition) Word() string {
	if s.Accepted {
		return s.Effect + " (accepted)"
	}
	return s.Effect
}

// Class is the class of the page's style that the step is shown with.
func (s Transition) Class() string {
	switch {
	case s.Change != "" && !s.Accepted:
		return "bad"
	case s.Effect == "applied", s.Effect == "comes":
		return "faint"
	}
	return "odd"
}
