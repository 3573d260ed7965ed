package verdict

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"kasou/pipelines/position"
	"kasou/pipelines/toolchain"
)

// MaxProblems bounds what one render says about its values.
const MaxProblems = 50

// The words for what JSON schema's own are too technical for.
const (
	UnknownValue = "the chart knows no such value"
	NoForm       = "fits none of the allowed forms: "
)

// Schema returns the error of values that break their schema.
func Schema(problems []toolchain.Problem) *toolchain.ChartError {
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = Dotted(p.Path) + ": " + p.Message
	}
	return &toolchain.ChartError{
		Message: "the values break the chart's schema: " + strings.Join(lines, "; "),
		Values:  problems,
	}
}

// Dotted writes a path into values for messages.
func Dotted(path []string) string {
	if len(path) == 0 {
		return "values"
	}
	return strings.Join(path, ".")
}

// Tidy sorts the problems of one schema's values as Sorted does, and bounds them.
func Tidy(found []toolchain.Problem) []toolchain.Problem {
	found = Sorted(found)
	return found[:min(len(found), MaxProblems)]
}

// Sorted sorts problems by their paths, and takes repeated ones out.
func Sorted(found []toolchain.Problem) []toolchain.Problem {
	slices.SortFunc(found, func(a, b toolchain.Problem) int {
		return cmp.Or(slices.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return slices.CompactFunc(found, func(a, b toolchain.Problem) bool {
		return slices.Equal(a.Path, b.Path) && a.Message == b.Message
	})
}

// Branches says why each form of an anyOf or oneOf was not met.
func Branches(problems []toolchain.Problem) string {
	var said []string
	for _, p := range problems {
		said = append(said, Dotted(p.Path)+": "+p.Message)
	}
	slices.Sort(said)
	return strings.Join(slices.Compact(said), " | ")
}

// node is a line of a validation error as Helm prints it, and those below it.
type node struct {
	path     []string
	message  string
	children []*node
}

var (
	headLine   = regexp.MustCompile(`^(\S[^:]*):$`)
	nodeLine   = regexp.MustCompile(`^( *)- at '((?:[^'\\]|\\.)*)': (.*)$`)
	additional = regexp.MustCompile(`^additional properties (.*) not allowed$`)
	quotedName = regexp.MustCompile(`'((?:[^'\\]|\\.)*)'`)
)

// schemaText reads Helm's text: for each chart its name and a tree of lines. A
// subchart's values stand under its name.
func schemaText(chart, text string) []toolchain.Problem {
	var found []toolchain.Problem
	var prefix []string
	var trail []*node // the node last seen at each depth; the root first
	flush := func() {
		if len(trail) > 0 {
			found = append(found, Tidy(trail[0].leaves(prefix))...)
		}
		trail = nil
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if m := nodeLine.FindStringSubmatch(line); m != nil && len(trail) > 0 {
			depth := min(len(m[1])/2+1, len(trail))
			n := &node{path: position.Pointer(unquote(m[2])), message: m[3]}
			parent := trail[depth-1]
			parent.children = append(parent.children, n)
			trail = append(trail[:depth], n)
			continue
		}
		if m := headLine.FindStringSubmatch(line); m != nil {
			flush()
			prefix, trail = nil, []*node{{}}
			if m[1] != chart {
				prefix = []string{m[1]}
			}
			continue
		}
		if len(trail) > 1 && line != "" {
			trail[len(trail)-1].message += " " + line
		}
	}
	flush()
	return found
}

func (n *node) leaves(prefix []string) []toolchain.Problem {
	path := append(slices.Clone(prefix), n.path...)
	var below []toolchain.Problem
	for _, child := range n.children {
		below = append(below, child.leaves(prefix)...)
	}
	alternatives := strings.HasPrefix(n.message, "'anyOf' failed") || strings.HasPrefix(n.message, "'oneOf' failed")
	switch names := additional.FindStringSubmatch(n.message); {
	case alternatives && len(below) > 0:
		return []toolchain.Problem{{Path: path, Message: NoForm + Branches(below)}}
	case names != nil:
		for _, name := range quotedName.FindAllStringSubmatch(names[1], -1) {
			below = append(below, toolchain.Problem{Path: append(slices.Clone(path), unquote(name[1])), Message: UnknownValue})
		}
	case len(below) == 0 && n.message != "":
		return []toolchain.Problem{{Path: path, Message: n.message}}
	}
	return below
}

var escapes = strings.NewReplacer(`\'`, `'`, `\\`, `\`)

// unquote returns a text as it was before the schema library quoted it.
func unquote(text string) string { return escapes.Replace(text) }
