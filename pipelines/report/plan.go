package report

import (
	"fmt"
	"slices"
	"strings"
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
	var groups []Planned
	at := map[string]int{}
	for _, c := range r.Clusters {
		steps := c.likeOthers()
		bytes := len(steps) == 0 && len(c.Changes) > 0
		key := fmt.Sprint(bytes, steps)
		if _, known := at[key]; !known {
			at[key] = len(groups)
			groups = append(groups, Planned{Steps: steps, BytesAlone: bytes})
		}
		g := &groups[at[key]]
		g.Names = append(g.Names, c.Name)
	}
	for i, g := range groups {
		if len(g.Names) == 1 {
			for _, c := range r.Clusters {
				if c.Name == g.Names[0] {
					groups[i].Steps = c.planned()
				}
			}
		}
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

// title names the clusters: one by its name, several by their number and three
// names.
func (p Planned) title() string {
	if len(p.Names) == 1 {
		return p.Names[0]
	}
	return fmt.Sprintf("%d clusters (%s)", len(p.Names), someNames(p.Names))
}

// someNames joins three names, and says how many more there are.
func someNames(names []string) string {
	const enough = 3
	if len(names) <= enough {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:enough], ", "), len(names)-enough)
}

// plan prints what a change does, group by group.
func (t *textWriter) plan(groups []Planned) {
	for _, g := range groups {
		if len(g.Steps) == 0 {
			fmt.Fprintf(t, "%s: %s\n", t.paint(bold, Inert(g.title())), g.nothing())
			continue
		}
		fmt.Fprintf(t, "%s:\n", t.paint(bold, Inert(g.title())))
		for _, s := range g.Steps {
			fmt.Fprintf(t, "  %s %s\n", t.paint(stepColor(s), fmt.Sprintf("%-21s", s.word())), indented(s.Message))
		}
	}
}

// word is the effect, and whether the spec accepts it.
func (s Transition) word() string {
	if s.Accepted {
		return s.Effect + " (accepted)"
	}
	return s.Effect
}

func stepColor(s Transition) string {
	switch {
	case s.Change != "" && !s.Accepted:
		return red
	case s.Effect == "applied", s.Effect == "comes":
		return faint
	}
	return yellow
}
