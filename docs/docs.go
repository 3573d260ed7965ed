// Package docs has the documents that the program shows.
package docs

import (
	_ "embed" // the rules
	"strings"
)

//go:embed rules.md
var rules string

// Rule returns the section of rules.md about a rule, without its heading, and
// whether there is one.
func Rule(name string) (string, bool) {
	_, rest, found := strings.Cut(rules, "\n### "+name+"\n")
	if !found || name == "" || strings.Contains(name, "\n") {
		return "", false
	}
	if end := nextHeading(rest); end >= 0 {
		rest = rest[:end]
	}
	return strings.TrimSpace(rest) + "\n", true
}

// Rules returns the names of all rules, in the order of rules.md.
func Rules() []string {
	var names []string
	for line := range strings.Lines(rules) {
		if name, found := strings.CutPrefix(line, "### "); found {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}

// nextHeading returns where the next section begins, outside of examples; -1 where
// none does.
func nextHeading(text string) int {
	at, fenced := 0, false
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if !fenced && (strings.HasPrefix(line, "## ") || strings.HasPrefix(line, "### ")) {
			return at
		}
		at += len(line)
	}
	return -1
}
