// Package finding holds the one shape in which every stage says what is wrong:
// where, what, and what to do about it.
package finding

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// Severity says what a finding does to a run.
type Severity int

// A note informs, a warning deserves a look, an error stops the cluster (or,
// in a spec or the fleet file, the run) and makes the exit code 1.
const (
	Note Severity = iota
	Warning
	Error
)

// String returns the severity as the reports print it.
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	default:
		return "error"
	}
}

// MarshalText returns the severity's word, for the json report.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *Severity) UnmarshalText(text []byte) error {
	for _, known := range []Severity{Note, Warning, Error} {
		if known.String() == string(text) {
			*s = known
			return nil
		}
	}
	return fmt.Errorf("unknown severity %q: note, warning or error", text)
}

// Rule names a kind of finding. Every rule is a constant in the package that
// finds it and has its section in docs/rules.md.
type Rule string

// Finding is one thing that is wrong, or worth knowing.
type Finding struct {
	// File is slash-separated and relative to the repo's root; empty where no
	// file is to blame.
	File string `json:"file,omitempty"`
	// Line and Column count from 1; 0 means unknown.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
	// Cluster is the name of the cluster it belongs to; empty for the fleet.
	Cluster  string   `json:"cluster,omitempty"`
	Rule     Rule     `json:"rule"`
	Severity Severity `json:"severity"`
	// Message says what is wrong, Hint what to do. Neither ever holds a secret.
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// Position returns file:line:column, as far as they are known.
func (f Finding) Position() string {
	switch {
	case f.File == "":
		return ""
	case f.Line == 0:
		return f.File
	case f.Column == 0:
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
}

// String returns the finding on one line, without its hint.
func (f Finding) String() string {
	var b strings.Builder
	if p := f.Position(); p != "" {
		b.WriteString(p + ": ")
	}
	fmt.Fprintf(&b, "%s: %s [%s]", f.Severity, f.Message, f.Rule)
	return b.String()
}

// Plural returns a number with its noun, to which an s makes the plural.
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// List is any number of findings.
type List []Finding

// Sort orders by file, line, column, rule and message, so that the same
// problems print the same way whatever order the stages ran in.
func (l List) Sort() {
	slices.SortStableFunc(l, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.File, b.File),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Rule, b.Rule),
			cmp.Compare(a.Message, b.Message),
			cmp.Compare(a.Cluster, b.Cluster),
		)
	})
}

// Failed reports whether any finding is an error.
func (l List) Failed() bool {
	return slices.ContainsFunc(l, func(f Finding) bool { return f.Severity == Error })
}

// Count returns how many findings have the severity.
func (l List) Count(s Severity) int {
	n := 0
	for _, f := range l {
		if f.Severity == s {
			n++
		}
	}
	return n
}

// Few returns the names with commas between them, and of more than most of them how many
// more there are.
func Few(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// Short returns a text of at most so many characters, with … for what is cut off.
func Short(text string, most int) string {
	if all := []rune(text); len(all) > most {
		return string(all[:most]) + "…"
	}
	return text
}

// Cause returns err without the operation and the path that an error of the file system
// names: a message has the file in its own words, and never a path of the machine.
func Cause(err error) error {
	if failed, ok := errors.AsType[*fs.PathError](err); ok {
		return failed.Err
	}
	return err
}
