package tree

import (
	"bytes"
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
	before, ok := flatten(c.Old)
	if !ok {
		return "", false
	}
	after, ok := flatten(c.New)
	if !ok {
		return "", false
	}
	name := visible(strings.ReplaceAll(c.Path, "\n", `\n`))
	return fmt.Sprintf("--- a/%s\n+++ b/%s\n", name, name) + differences(before, after), true
}

func differences(before, after map[string]string) string {
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		was, had := before[key]
		is, has := after[key]
		switch {
		case !had:
			fmt.Fprintf(&b, "+%s: %s\n", key, is)
		case !has:
			fmt.Fprintf(&b, "-%s: %s\n", key, was)
		case was != is:
			fmt.Fprintf(&b, "~%s: %s → %s\n", key, was, is)
		}
	}
	if b.Len() == 0 {
		return sameValues
	}
	return visible(b.String())
}

// flatten gives each scalar, and each empty map or list, of all documents by
// its path.
func flatten(data []byte) (map[string]string, bool) {
	values := map[string]string{}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for n := 1; ; n++ {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return values, true
		} else if err != nil {
			return nil, false
		}
		prefix := ""
		if n > 1 {
			prefix = fmt.Sprintf("(document %d) ", n)
		}
		if !flattenNode(&document, prefix, values, 0) {
			return nil, false
		}
	}
}

func flattenNode(n *yaml.Node, at string, values map[string]string, depth int) bool {
	const deep = 200
	if depth > deep || len(values) > maxValues {
		return false
	}
	switch {
	case n.Kind == yaml.AliasNode:
		return flattenNode(n.Alias, at, values, depth+1)
	case n.Kind == yaml.ScalarNode:
		values[at] = scalar(n)
		return !strings.Contains(n.Value, "\n")
	case len(n.Content) == 0:
		values[at] = map[bool]string{true: "[]", false: "{}"}[n.Kind == yaml.SequenceNode]
		return true
	}
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i+step <= len(n.Content); i += step {
		if !flattenNode(n.Content[i+step-1], below(n, at, i), values, depth+1) {
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

// scalar writes a string quoted, so that "1" and 1 differ.
func scalar(n *yaml.Node) string {
	if n.ShortTag() == "!!str" {
		return strconv.Quote(n.Value)
	}
	return n.Value
}
