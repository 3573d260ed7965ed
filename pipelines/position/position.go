// Package position finds where in a YAML file a value stands, so that a
// finding about `spec.ingress.host` can name line and column.
package position

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"
)

// Document is one YAML document with the positions of its nodes.
type Document struct {
	data []byte
	// root is nil once the document is folded.
	root *yaml.Node
	// offset is added to every line: the document may be a part of a file.
	offset int
}

// SyntaxError is YAML that does not parse.
type SyntaxError struct {
	// Line counts from 1; the parser gives no column.
	Line    int
	Message string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d: %s", e.Line, e.Message)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// Parse reads the one YAML document in data. lineOffset is added to every line
// it will report; 0 where data is a whole file. The error is a *SyntaxError
// for YAML that does not parse, or for more than one document. Empty data
// gives a document that knows only 1:1.
func Parse(data []byte, lineOffset int) (*Document, error) {
	d := &Document{data: data, root: &yaml.Node{}, offset: lineOffset}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(d.root); err != nil && !errors.Is(err, io.EOF) {
		return nil, syntaxError(err, lineOffset)
	}
	var second yaml.Node
	if err := decoder.Decode(&second); err == nil {
		return nil, &SyntaxError{Line: second.Line + lineOffset, Message: "a second YAML document where one is expected"}
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(err, lineOffset)
	}
	return d, nil
}

// Folded returns the document in data, whose form is known to be right, as Parse and Fold
// leave it.
func Folded(data []byte) *Document { return &Document{data: data} }

// Text returns what the document was read from, which is not to be changed.
func (d *Document) Text() []byte { return d.data }

// Fold lets go of all but the text, which is a twentieth of the rest. Who asks
// afterwards is answered as before, after another parse. Nobody else may be
// asking at the time.
func (d *Document) Fold() { d.root = nil }

// Unfolded returns the document with its nodes, for whoever asks more than once.
func (d *Document) Unfolded() *Document {
	return &Document{data: d.data, root: d.tree(), offset: d.offset}
}

// tree returns the document's nodes.
func (d *Document) tree() *yaml.Node {
	if d.root != nil {
		return d.root
	}
	again, err := Parse(d.data, d.offset)
	if err != nil {
		return &yaml.Node{} // whoever folded it knew that it parses
	}
	return again.root
}

// parserMessage matches what the library's parser says. It counts lines from 0
// where the scanner below it counts from 1 (parser.fail in decode.go of
// go.yaml.in/yaml/v3).
var parserMessage = regexp.MustCompile(`^did not find expected (key|node content|'-' indicator|',' or '[\]}]'|<)`)

func syntaxError(err error, offset int) error {
	m := yamlLine.FindStringSubmatch(err.Error())
	if m == nil {
		return &SyntaxError{Line: 1 + offset, Message: err.Error()}
	}
	line, convErr := strconv.Atoi(m[1])
	if convErr != nil {
		line = 1
	} else if parserMessage.MatchString(m[2]) {
		line++
	}
	return &SyntaxError{Line: line + offset, Message: m[2]}
}

// At returns line and column of the value at path: map keys and list indexes
// from the document's root. Where the path ends early, it gives the nearest
// ancestor that is there.
func (d *Document) At(path ...string) (line, column int) {
	_, value, _ := d.find(path)
	return d.place(value)
}

// KeyAt returns line and column of the last key of path; for a list item, or
// where the key is not there, the same as At.
func (d *Document) KeyAt(path ...string) (line, column int) {
	key, value, whole := d.find(path)
	if whole && key != nil {
		return d.place(key)
	}
	return d.place(value)
}

// Has reports whether the document has a value at path.
func (d *Document) Has(path ...string) bool {
	_, _, whole := d.find(path)
	return whole
}

// Scalar returns the text of the value at path, where that is a scalar and not
// null.
func (d *Document) Scalar(path ...string) (text string, ok bool) {
	_, value, whole := d.find(path)
	if !whole {
		return "", false
	}
	if value.Kind == yaml.AliasNode {
		value = value.Alias
	}
	if value.Kind != yaml.ScalarNode || value.Tag == "!!null" {
		return "", false
	}
	return value.Value, true
}

func (d *Document) place(n *yaml.Node) (line, column int) {
	if n == nil || n.Line == 0 {
		return 1 + d.offset, 1
	}
	return n.Line + d.offset, n.Column
}

// find walks as far as path goes and gives the last key and value it met.
func (d *Document) find(path []string) (key, value *yaml.Node, whole bool) {
	value = d.tree()
	if value.Kind == yaml.DocumentNode && len(value.Content) > 0 {
		value = value.Content[0]
	}
	for _, step := range path {
		k, v := child(value, step, mergeDepth)
		if v == nil {
			return key, value, false
		}
		key, value = k, v
	}
	return key, value, value.Kind != 0
}

// mergeDepth bounds how many merge keys are followed: one may name the mapping
// that it stands in.
const mergeDepth = 16

func child(n *yaml.Node, step string, depth int) (key, value *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if depth == 0 {
		return nil, nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		i, err := strconv.Atoi(step)
		if err != nil || i < 0 || i >= len(n.Content) {
			return nil, nil
		}
		return nil, n.Content[i]
	case yaml.MappingNode:
		var merged *yaml.Node
		for i := 0; i+1 < len(n.Content); i += 2 {
			switch n.Content[i].Value {
			case step:
				return n.Content[i], n.Content[i+1]
			case "<<":
				merged = n.Content[i+1]
			}
		}
		return mergedChild(merged, step, depth-1)
	}
	return nil, nil
}

// mergedChild looks a key up in what << merges: a mapping, or a list of them,
// of which the first that has the key wins. Below a list it follows no further
// merge keys, so that a file cannot make it walk exponentially many.
func mergedChild(merged *yaml.Node, step string, depth int) (key, value *yaml.Node) {
	if merged == nil || depth == 0 {
		return nil, nil
	}
	if merged.Kind != yaml.SequenceNode {
		return child(merged, step, depth)
	}
	for _, one := range merged.Content {
		if key, value = child(one, step, 1); value != nil {
			return key, value
		}
	}
	return nil, nil
}

// Duplicate is a key that stands twice in one mapping, as a reader of JSON has it: 1, "1"
// and 1.0 are one key there, and which of their values counts is left to chance.
type Duplicate struct {
	// Key is the second one, as it is written.
	Key          string
	Line, Column int
	FirstLine    int
}

// Duplicates returns every key that repeats an earlier key of its mapping.
func (d *Document) Duplicates() []Duplicate {
	var found []Duplicate
	d.walk(d.tree(), func(n *yaml.Node) {
		if n.Kind != yaml.MappingNode {
			return
		}
		first := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			name := asText(key)
			earlier, ok := first[name]
			if !ok {
				first[name] = key
				continue
			}
			line, column := d.place(key)
			firstLine, _ := d.place(earlier)
			found = append(found, Duplicate{Key: key.Value, Line: line, Column: column, FirstLine: firstLine})
		}
	})
	return found
}

// SameKey returns line and column of the first key that a mapping also merges (<<) in
// another form, such as 1 and 1.0, which are one key in JSON; those of the document where
// there is none.
func (d *Document) SameKey() (line, column int) {
	line, column = d.place(nil)
	found := false
	d.walk(d.tree(), func(n *yaml.Node) {
		for i := 0; !found && n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value != "<<" {
				continue
			}
			for j := 0; j+1 < len(n.Content) && !found; j += 2 {
				if own := n.Content[j]; j != i && hasOtherwise(n.Content[i+1], own, mergeDepth) {
					line, column = d.place(own)
					found = true
				}
			}
		}
	})
	return line, column
}

// hasOtherwise reports whether what << merges has the key in another form.
func hasOtherwise(merged, key *yaml.Node, depth int) bool {
	if merged.Kind == yaml.AliasNode {
		merged = merged.Alias
	}
	if depth == 0 {
		return false
	}
	for i, n := range merged.Content {
		switch {
		case merged.Kind == yaml.SequenceNode:
			if hasOtherwise(n, key, 1) {
				return true
			}
		case i%2 == 1:
		case n.Value == "<<":
			if hasOtherwise(merged.Content[i+1], key, depth-1) {
				return true
			}
		case n.ShortTag() != key.ShortTag() && asText(n) == asText(key):
			return true
		}
	}
	return false
}

var (
	// word matches a key that is its own text without quotes, unless it is one of the words
	// that YAML 1.1 takes for null or a truth value.
	word      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)
	otherWord = regexp.MustCompile(`^(?i:y|n|yes|no|on|off|true|false|null)$`)
)

// asText returns the text that a key becomes in JSON.
func asText(key *yaml.Node) string {
	if key.Kind == yaml.AliasNode {
		key = key.Alias
	}
	const quoted = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle
	own := key.Style&quoted != 0 || word.MatchString(key.Value) && !otherWord.MatchString(key.Value)
	if own && key.Style&yaml.TaggedStyle == 0 {
		return key.Value
	}
	alone := *key
	alone.Anchor = ""
	text, err := yaml.Marshal(&yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{&alone, {Kind: yaml.ScalarNode, Value: "0"}}})
	var read map[string]any
	if err == nil && sigsyaml.Unmarshal(text, &read) == nil {
		for name := range read {
			return name
		}
	}
	return key.Value
}

func (d *Document) walk(n *yaml.Node, visit func(*yaml.Node)) {
	visit(n)
	for _, c := range n.Content {
		d.walk(c, visit)
	}
}

// Pointer returns the keys of a JSON pointer (RFC 6901), such as /spec/a~1b; none where it
// is empty.
func Pointer(text string) []string {
	if text == "" {
		return nil
	}
	keys := strings.Split(strings.TrimPrefix(text, "/"), "/")
	for i, key := range keys {
		keys[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(key)
	}
	return keys
}
