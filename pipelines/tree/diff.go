package tree

import (
	"fmt"
	"io"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// DiffOptions says how WriteDiff writes.
type DiffOptions struct {
	// Color is for a terminal.
	Color bool
	// Visible writes control characters out, for terminals and logs. Color
	// implies it. Without it, the diff is what patch reads.
	Visible bool
	// Semantic shows a YAML file as paths with old and new value, where that
	// takes half the lines or fewer.
	Semantic bool
}

const contextLines = 3

// WriteDiff writes what the plan changes, from the disk (a/) to what is wanted
// (b/), as unified diffs in the order of the paths.
func WriteDiff(w io.Writer, p Plan, o DiffOptions) error {
	for _, c := range p.Changes {
		text, err := unified(c)
		if err != nil {
			return fmt.Errorf("diff of %s: %w", c.Path, err)
		}
		if o.Semantic {
			text = shorter(text, c)
		}
		if o.Visible || o.Color {
			text = visible(text)
		}
		if o.Color {
			text = colored(text)
		}
		if _, err := io.WriteString(w, text); err != nil {
			return err
		}
	}
	return nil
}

// shorter gives the semantic diff where it says the same in half the lines, or
// where it says that nothing is really different.
func shorter(text string, c Change) string {
	short, ok := semantic(c)
	if ok && (strings.HasSuffix(short, sameValues) || 2*strings.Count(short, "\n") <= strings.Count(text, "\n")) {
		return short
	}
	return text
}

func unified(c Change) (string, error) {
	// A path from a chart's archive must not forge lines of its own.
	name := visible(strings.ReplaceAll(c.Path, "\n", `\n`))
	from, to := "a/"+name, "b/"+name
	if c.Old == nil {
		from = "/dev/null"
	}
	if c.New == nil {
		to = "/dev/null"
	}
	a, b := string(c.Old), string(c.New)
	text, err := udiff.ToUnified(from, to, a, udiff.Lines(a, b), contextLines)
	if err == nil && text == "" { // an empty file comes or goes
		text = fmt.Sprintf("--- %s\n+++ %s\n", from, to)
	}
	return text, err
}

const (
	colorReset  = "\x1b[0m"
	colorBold   = "\x1b[1m"
	colorRed    = "\x1b[31m"
	colorGreen  = "\x1b[32m"
	colorYellow = "\x1b[33m"
	colorCyan   = "\x1b[36m"
)

// colored puts colors around the lines of a diff, never across a line's end.
func colored(text string) string {
	var b strings.Builder
	heading := 2 // a file's first two lines look like a deletion and an insertion
	for line := range strings.Lines(text) {
		line, end := strings.CutSuffix(line, "\n")
		color := lineColor(line)
		if heading > 0 {
			color = colorBold
			heading--
		}
		if color == "" {
			b.WriteString(line)
		} else {
			b.WriteString(color + line + colorReset)
		}
		if end {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func lineColor(line string) string {
	switch {
	case strings.HasPrefix(line, "+"):
		return colorGreen
	case strings.HasPrefix(line, "-"):
		return colorRed
	case strings.HasPrefix(line, "@@"):
		return colorCyan
	case strings.HasPrefix(line, "~"):
		return colorYellow
	}
	return ""
}
