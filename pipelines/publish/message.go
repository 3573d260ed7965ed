package publish

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/report"
)

// Change is one cluster whose files have changed; an empty name is the fleet.
type Change struct {
	Cluster string
	Reasons []report.Reason
}

// Message is what the commit says.
type Message struct {
	// Title is the subject; empty for one that tells of the changes.
	Title   string
	Changes []Change
	// Tools are the tools' versions by name.
	Tools map[string]string
}

// text returns the commit message for a tree built from the commit inputs. Names
// and versions come from specs and charts: everything in them that could be a
// line, a trailer, a mention, an issue's number or a command for a CI server is
// taken out.
func (m Message) text(inputs string) string {
	changes := slices.Clone(m.Changes)
	slices.SortStableFunc(changes, func(a, b Change) int { return cmp.Compare(a.Cluster, b.Cluster) })
	var b strings.Builder
	b.WriteString(cmp.Or(inertLine(m.Title), subject(changes)) + "\n\n")
	const most = 100
	for _, c := range changes[:min(most, len(changes))] {
		fmt.Fprintf(&b, "- %s: %s\n", c.name(), reasons(c.Reasons))
	}
	if more := len(changes) - most; more > 0 {
		fmt.Fprintf(&b, "- and %d more\n", more)
	}
	if len(changes) > 0 {
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "Kasou-Inputs: %s\n", inert(inputs))
	for _, tool := range slices.Sorted(maps.Keys(m.Tools)) {
		fmt.Fprintf(&b, "Kasou-Tool: %s %s\n", inert(tool), inert(m.Tools[tool]))
	}
	return b.String()
}

// subject says what happened in up to 72 characters.
func subject(changes []Change) string {
	var all []report.Reason
	removed := len(changes) > 0
	for _, c := range changes {
		all = append(all, c.Reasons...)
		removed = removed && slices.ContainsFunc(c.Reasons, func(r report.Reason) bool { return r.Cause == report.RemovedByPerson })
	}
	verb, what := "Build ", fmt.Sprintf("%d clusters", len(changes))
	if removed {
		verb = "Remove "
	}
	switch len(changes) {
	case 0:
		return "Build the fleet"
	case 1:
		what = changes[0].name()
	}
	kinds := causesOf(all)
	if removed || len(kinds) == 0 {
		return verb + what
	}
	if full := verb + what + " (" + strings.Join(kinds, ", ") + ")"; len(full) <= 72 {
		return full
	}
	return verb + what
}

func (c Change) name() string {
	if c.Cluster == "" {
		return "the fleet"
	}
	return inert(c.Cluster)
}

// causesOf returns each cause once, in their order; none that is not known.
func causesOf(reasons []report.Reason) []string {
	var names []string
	for _, cause := range report.Causes() {
		if slices.ContainsFunc(reasons, func(r report.Reason) bool { return r.Cause == cause }) {
			names = append(names, string(cause))
		}
	}
	return names
}

func reasons(all []report.Reason) string {
	var said []string
	for _, cause := range report.Causes() {
		for _, r := range all {
			if r.Cause == cause {
				said = append(said, reasonText(r))
			}
		}
	}
	if said = slices.Compact(said); len(said) == 0 {
		return "changed"
	}
	return strings.Join(said, ", ")
}

func reasonText(r report.Reason) string {
	switch {
	case r.From != "" && r.To != "":
		return fmt.Sprintf("%s %s to %s", r.Cause, inert(r.From), inert(r.To))
	case r.To != "":
		return fmt.Sprintf("%s %s", r.Cause, inert(r.To))
	}
	return string(r.Cause)
}

// inertLine is inert for each word of a line, which a colon may end.
func inertLine(s string) string {
	words := strings.Fields(s)
	for i, word := range words {
		plain, colon := strings.CutSuffix(word, ":")
		words[i] = inert(plain)
		if colon {
			words[i] += ":"
		}
	}
	return strings.Join(words, " ")
}

// inert keeps what names and versions are made of.
func inert(s string) string {
	const longest = 63
	kept := strings.Map(func(r rune) rune {
		if r < 0x80 && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("-._+", r)) {
			return r
		}
		return '_'
	}, s)
	return kept[:min(len(kept), longest)]
}
