package tree

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxValues bounds what aliases in a YAML file can unfold to.
const maxValues = 100_000

// sameValues stands for a change without a differing value.
const sameValues = "~same values: only the order of keys, comments or layout differ\n"

// semantic gives the change of a YAML file as its differing values, one a line,
// below the two lines that head a unified diff. It is not ok for other files,
// for what does not parse, and where a text of several lines is among them: its
// lines say more. Lists are compared by index. (dyff would match list items by
// name; it brings a dozen modules and its own colours along for that.)
func semantic(c Change) (text string, ok bool) {
	if c.Kind != KindUpdate || path.Ext(c.Path) != ".yaml" {
		return "", false
	}
	before, lines, ok := flatten(c.Old)
	if !ok || lines {
		return "", false
	}
	after, lines, ok := flatten(c.New)
	if !ok || lines {
		return "", false
	}
	name := visible(strings.ReplaceAll(c.Path, "\n", `\n`))
	return fmt.Sprintf("--- a/%s\n+++ b/%s\n", name, name) + differences(before, after), true
}

func differences(before, after map[string]string) string {
	var b strings.Builder
	for _, d := range compared(before, after) {
		switch {
		case d.Old == "":
			fmt.Fprintf(&b, "+%s: %s\n", d.Path, d.New)
		case d.New == "":
			fmt.Fprintf(&b, "-%s: %s\n", d.Path, d.Old)
		default:
			fmt.Fprintf(&b, "~%s: %s → %s\n", d.Path, d.Old, d.New)
		}
	}
	if b.Len() == 0 {
		return sameValues
	}
	return visible(b.String())
}

// Difference is one value in which two YAML files differ, as YAML writes it on
// one line; empty where a file does not have it.
type Difference struct{ Path, Old, New string }

// Differences gives the values in which two YAML files differ, by their paths;
// lists are compared by index. It is not ok where one does not parse, or has
// too many values.
func Differences(before, after []byte) (differing []Difference, ok bool) {
	a, _, ok := flatten(before)
	if !ok {
		return nil, false
	}
	b, _, ok := flatten(after)
	return compared(a, b), ok
}

func compared(before, after map[string]string) []Difference {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	var all []Difference
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if before[key] != after[key] {
			all = append(all, Difference{Path: key, Old: before[key], New: after[key]})
		}
	}
	return all
}

// flatten gives each scalar, and each empty map or list, of all documents by
// its path, and whether a text of several lines is among them.
func flatten(data []byte) (values map[string]string, lines, ok bool) {
	f := flat{values: map[string]string{}}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return f.values, f.lines, true
		} else if err != nil {
			return nil, false, false
		}
		prefix := ""
		if n > 1 {
			prefix = fmt.Sprintf("(document %d) ", n)
		}
		if !f.add(&document, prefix, 0) {
			return nil, false, false
		}
	}
}

// flat is what flatten fills.
type flat struct {
	values map[string]string
	lines  bool
}

func (f *flat) add(n *yaml.Node, at string, depth int) bool {
	const deep = 200
	if depth > deep || len(f.values) > maxValues {
		return false
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return f.add(n.Alias, at, depth+1)
	case n.Kind == yaml.ScalarNode:
		f.values[at] = scalar(n)
		f.lines = f.lines || strings.Contains(n.Value, "\n")
		return true
	case len(n.Content) == 0:
		f.values[at] = map[bool]string{true: "[]", false: "{}"}[n.Kind == yaml.SequenceNode]
		return true
	}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(n.Content); i += step {
		if !f.add(n.Content[i+step-1], below(n, at, i), depth+1) {
			return false
		}
	}
	return true
}

// below gives the path of the i-th child.
func below(n *yaml.Node, at string, i int) string {
	switch n.Kind {
	case yaml.DocumentNode:
		return at
	case yaml.SequenceNode:
		return fmt.Sprintf("%s[%d]", at, i)
	}
	key := n.Content[i].Value
	if key == "" || strings.ContainsAny(key, ".[]: \n\t\"") {
		key = strconv.Quote(key)
	}
	if at == "" || strings.HasSuffix(at, " ") {
		return at + key
	}
	return at + "." + key
}

// scalar writes a string quoted, so that "1" and 1 differ. It is never empty.
func scalar(n *yaml.Node) string {
	if n.ShortTag() == "!!str" {
		return strconv.Quote(n.Value)
	}
	return cmp.Or(n.Value, "null")
}
