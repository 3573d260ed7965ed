// Package difference tells how two YAML texts differ by what they mean: objects by
// their kinds and names, items of lists by their keys, and sealed values by the reason
// for which they were sealed anew.
package difference

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	plainyaml "go.yaml.in/yaml/v2"
	"go.yaml.in/yaml/v3"
)

const (
	// maxValues bounds what aliases in a YAML file can unfold to.
	maxValues = 100_000
	// maxDepth bounds how deep a YAML file can be.
	maxDepth = 200
)

// Value is one value in which two texts differ.
type Value struct {
	// Path leads to the value. An item of a list stands by its key where the list has
	// one, as in containers[syncer], and else by its index from 0.
	Path string
	// Old and New are the values as YAML writes them on one line; empty where a text
	// does not have the value.
	Old, New string
	// Note says how the place differs where values would say nothing: a sealed value, a
	// digest. Old and New are empty then.
	Note string
	// oldText and newText are the plain texts of strings of several lines.
	oldText, newText string
}

// Values returns the values in which two YAML texts differ, in the order of the first
// text and then of the second. It is not ok where a text does not parse, or has too many
// values.
func Values(before, after []byte) (differing []Value, ok bool) {
	a, ok := documents(before)
	if !ok {
		return nil, false
	}
	b, ok := documents(after)
	if !ok {
		return nil, false
	}
	c := comparison{left: maxValues}
	c.documents(a, b)
	return c.found, c.left > 0
}

// documents returns the roots of all documents that hold something.
func documents(data []byte) (roots []*yaml.Node, ok bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var document yaml.Node
		if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
			return roots, true
		} else if err != nil {
			return nil, false
		}
		if len(document.Content) == 1 && document.Content[0].ShortTag() != "!!null" {
			roots = append(roots, document.Content[0])
		}
	}
}

// comparison is one Values at work.
type comparison struct {
	found []Value
	// left is how many more values may be looked at; none once there are too many.
	left int
}

// documents compares the documents of two files, by their kinds and names where these
// tell them apart.
func (c *comparison) documents(a, b []*yaml.Node) {
	if len(a) == 1 && len(b) == 1 {
		c.document("", a[0], b[0])
		return
	}
	names, ok := named(a, b, kindAndName)
	if !ok {
		names, ok = named(a, b, identity)
	}
	if !ok {
		names = numbered("document ", 1, len(a), len(b))
	}
	pairs(names, a, b, func(name string, a, b *yaml.Node) { c.document("("+name+") ", a, b) })
}

// document compares two documents; nil is one that is not there.
func (c *comparison) document(prefix string, a, b *yaml.Node) {
	object := b
	if b == nil {
		object = a
	}
	at := place{prefix: prefix, keys: keysOf(object)}
	if isSecret(a) || isSecret(b) {
		c.found = append(c.found, Value{Path: prefix + "Secret", Note: "not sealed, so it is not shown"})
		return
	}
	c.sealed(at, a, b)
	c.nodes(at, a, b)
}

// pairs calls compare with the items that have the same name, and with nil for one that
// only one list has.
func pairs(names [2][]string, a, b []*yaml.Node, compare func(name string, a, b *yaml.Node)) {
	after, before := map[string]*yaml.Node{}, map[string]bool{}
	for j, name := range names[1] {
		after[name] = b[j]
	}
	for i, name := range names[0] {
		before[name] = true
		compare(name, a[i], after[name])
	}
	for j, name := range names[1] {
		if !before[name] {
			compare(name, nil, b[j])
		}
	}
}

// nodes compares two nodes at a place; nil is one that is not there.
func (c *comparison) nodes(at place, a, b *yaml.Node) {
	a, b = resolved(a), resolved(b)
	if c.left--; c.left <= 0 || at.depth > maxDepth {
		c.left = 0
		return
	}
	switch {
	case a == nil && b == nil:
	case isFull(a, yaml.MappingNode) && (b == nil || isFull(b, yaml.MappingNode)), a == nil && isFull(b, yaml.MappingNode):
		c.mappings(at, a, b)
	case isFull(a, yaml.SequenceNode) && (b == nil || isFull(b, yaml.SequenceNode)), a == nil && isFull(b, yaml.SequenceNode):
		c.sequences(at, a, b)
	case a != nil && b != nil && (isFull(a, a.Kind) || isFull(b, b.Kind)):
		c.nodes(at, a, nil)
		c.nodes(at, nil, b)
	default:
		c.scalars(at, a, b)
	}
}

// isFull reports whether the node is a list or a mapping of the kind with something in
// it.
func isFull(n *yaml.Node, kind yaml.Kind) bool {
	return n != nil && n.Kind == kind && len(n.Content) > 0
}

func resolved(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (c *comparison) scalars(at place, a, b *yaml.Node) {
	v := Value{Path: at.String()}
	if v.Old, v.oldText = written(a); b != nil || a == nil {
		v.New, v.newText = written(b)
	}
	switch {
	case v.Old == v.New:
	case isDigest(v.Old) && isDigest(v.New) && len(v.Old) == len(v.New):
		c.found = append(c.found, Value{Path: v.Path, Note: "another digest"})
	default:
		c.found = append(c.found, v)
	}
}

// digest is a hash in hexadecimal, of MD5 or longer.
var digest = regexp.MustCompile(`^([a-z0-9]+:)?([0-9a-f]{2}){16,64}$`)

func isDigest(text string) bool { return digest.MatchString(text) }

func (c *comparison) mappings(at place, a, b *yaml.Node) {
	var keys [2][]string
	var values [2][]*yaml.Node
	for side, n := range []*yaml.Node{a, b} {
		for i := 0; n != nil && i+1 < len(n.Content); i += 2 {
			keys[side] = append(keys[side], n.Content[i].Value)
			values[side] = append(values[side], n.Content[i+1])
		}
	}
	pairs(keys, values[0], values[1], func(key string, a, b *yaml.Node) { c.nodes(at.field(key), a, b) })
}

// sequences compares two lists: texts and numbers as what is in them, items with keys by
// these, and all else by index.
func (c *comparison) sequences(at place, a, b *yaml.Node) {
	before, after := items(a), items(b)
	if plain(before) && plain(after) && a != nil && b != nil {
		c.plainLists(at, before, after)
		return
	}
	for _, key := range []string{at.keys.mergeKey(at.last), "name"} {
		if names, ok := named(before, after, func(n *yaml.Node) string { return scalarAt(n, key) }); ok {
			pairs(names, before, after, func(name string, a, b *yaml.Node) { c.nodes(at.item(name), a, b) })
			return
		}
	}
	pairs(numbered("", 0, len(before), len(after)), before, after, func(name string, a, b *yaml.Node) { c.nodes(at.item(name), a, b) })
}

func items(n *yaml.Node) (all []*yaml.Node) {
	if n == nil {
		return nil
	}
	for _, item := range n.Content {
		all = append(all, resolved(item))
	}
	return all
}

func plain(all []*yaml.Node) bool {
	return !slices.ContainsFunc(all, func(n *yaml.Node) bool { return n.Kind != yaml.ScalarNode })
}

// plainLists tells what came and what went, and else that the order is another.
func (c *comparison) plainLists(at place, before, after []*yaml.Node) {
	text := func(all []*yaml.Node) (texts []string) {
		for _, n := range all {
			s, _ := written(n)
			texts = append(texts, s)
		}
		return texts
	}
	if c.left -= len(before) + len(after); c.left <= 0 {
		return
	}
	went, came := without(text(before), text(after)), without(text(after), text(before))
	if len(went)+len(came) == 0 {
		if !slices.Equal(text(before), text(after)) {
			c.found = append(c.found, Value{Path: at.String(), Old: "[" + strings.Join(text(before), ", ") + "]", New: "[" + strings.Join(text(after), ", ") + "]"})
		}
		return
	}
	for i := range max(len(went), len(came)) {
		v := Value{Path: at.String() + "[]"}
		if i < len(went) {
			v.Old = went[i]
		}
		if i < len(came) {
			v.New = came[i]
		}
		c.found = append(c.found, v)
	}
}

// without returns what is in all more often than in others.
func without(all, others []string) (left []string) {
	count := map[string]int{}
	for _, s := range others {
		count[s]++
	}
	for _, s := range all {
		if count[s]--; count[s] < 0 {
			left = append(left, s)
		}
	}
	return left
}

// named returns the names of the items of two lists; it is not ok where one has none or
// shares it with another of its list.
func named(a, b []*yaml.Node, name func(*yaml.Node) string) (names [2][]string, ok bool) {
	for side, list := range [][]*yaml.Node{a, b} {
		seen := map[string]bool{}
		for _, n := range list {
			s := name(n)
			if s == "" || seen[s] {
				return names, false
			}
			seen[s] = true
			names[side] = append(names[side], s)
		}
	}
	return names, true
}

func numbered(prefix string, first int, counts ...int) (names [2][]string) {
	for side, count := range counts {
		for i := range count {
			names[side] = append(names[side], prefix+strconv.Itoa(first+i))
		}
	}
	return names
}

// written returns a scalar, or an empty list or mapping, as YAML writes it on one line,
// never empty where there is one; and its text, where that has several lines.
func written(n *yaml.Node) (line, text string) {
	switch {
	case n == nil:
		return "", ""
	case n.Kind == yaml.SequenceNode:
		return "[]", ""
	case n.Kind == yaml.MappingNode:
		return "{}", ""
	case n.ShortTag() != "!!str":
		return cmp.Or(n.Value, "null"), ""
	case strings.Contains(n.Value, "\n"):
		return strconv.Quote(n.Value), n.Value
	case isPlain(n.Value):
		return n.Value, ""
	}
	return strconv.Quote(n.Value), ""
}

// isPlain reports whether Kubernetes' parser reads the text, without quotes, as this text.
func isPlain(text string) bool {
	var read any
	return plainyaml.Unmarshal([]byte(text), &read) == nil && read == text
}

// place is where a value stands.
type place struct {
	prefix, path string
	// last is the field that path ends with, and keys know what its items are named by.
	last  string
	keys  mergeKeys
	depth int
}

func (p place) String() string { return p.prefix + cmp.Or(p.path, "all of it") }

func (p place) field(key string) place {
	shown := key
	if key == "" || strings.ContainsAny(key, ".[]: \n\t\"") {
		shown = strconv.Quote(key)
	}
	if p.path != "" {
		shown = p.path + "." + shown
	}
	keys := p.keys
	if p.last != "" {
		keys = keys.below(p.last)
	}
	return place{prefix: p.prefix, path: shown, last: key, keys: keys, depth: p.depth + 1}
}

func (p place) item(name string) place {
	p.path = fmt.Sprintf("%s[%s]", p.path, strings.ReplaceAll(name, "\n", " "))
	p.keys, p.last, p.depth = p.keys.item(p.last), "", p.depth+1
	return p
}
