package seal

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
)

// sourceLine is the comment that Helm writes over a document. Any other comment
// may quote a value.
var sourceLine = regexp.MustCompile(`^# Source: [A-Za-z0-9._/-]+\r?\n`)

// source returns what stays of a document with a Secret in it.
func source(old []byte) []byte { return sourceLine.Find(old) }

var (
	errSyntax        = errors.New("it is not YAML")
	errDuplicate     = errors.New("it has a key twice")
	errParsersDiffer = errors.New("one YAML parser reads another kind in it than the next")
	errDivided       = errors.New("other tools of Kubernetes divide this file in another way, and find a Secret")
	errNotAnObject   = errors.New("its keys are not all strings")
)

// document is an object that is to be sealed, or to be compared.
type document struct {
	// Document is what it was read from; empty for an object in a List.
	manifest.Document
	object map[string]any
	// kindLine is the line in the file of its kind, or of its start.
	kindLine int
}

// lineOf returns the line in the file of the value at path, or of the nearest around it
// that is there; in a List that of the List's kind.
func (d document) lineOf(path ...string) int {
	at, err := position.Parse(d.Bytes, d.Line-1)
	if err != nil || len(d.Bytes) == 0 {
		return d.kindLine
	}
	line, _ := at.At(path...)
	return line
}

// own returns the document's object, to be changed.
func own(d manifest.Document) document {
	before, _, found := bytes.Cut(append([]byte("\n"), d.Bytes...), []byte("\nkind:"))
	o := document{Document: d, kindLine: d.Line}
	if found {
		o.kindLine += bytes.Count(before, []byte("\n"))
	}
	o.object, _ = manifest.Copy(d.Object).(map[string]any)
	complete(o.object)
	return o
}

// read parses a document once more, and makes sure that two parsers find the same.
// It returns nil where the document is not a mapping. The errors quote nothing.
func read(data []byte) (map[string]any, error) {
	node, err := onlyNode(data)
	if err != nil || node == nil || node.Kind != yaml.MappingNode {
		return nil, err
	}
	if hasDuplicate(node) {
		if mentionsSecret(node) {
			return nil, errDuplicate
		}
		return nil, nil // Whatever it is, the stage conform reports it.
	}
	var object map[string]any
	if sigsyaml.Unmarshal(data, &object) != nil {
		return nil, errNotAnObject
	}
	var second struct {
		Kind any `yaml:"kind"`
	}
	if node.Decode(&second) != nil {
		return nil, errNotAnObject
	}
	if kind, _ := second.Kind.(string); kind != manifest.Text(object, "kind") {
		return nil, errParsersDiffer
	}
	return object, nil
}

// onlyNode returns the root of the only document in data, nil where it is empty.
func onlyNode(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, errSyntax
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, manifest.ErrManyDocuments
	} else if !errors.Is(err, io.EOF) {
		return nil, errSyntax
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

// hasDuplicate looks for a key that stands twice in one mapping: parsers
// disagree about which of them counts.
func hasDuplicate(n *yaml.Node) bool {
	seen := map[string]bool{}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && child.Kind == yaml.ScalarNode {
			if seen[child.Value] {
				return true
			}
			seen[child.Value] = true
		}
		if hasDuplicate(child) {
			return true
		}
	}
	return false
}

// mentionsSecret reports whether any value is the word that a kind could be.
func mentionsSecret(n *yaml.Node) bool {
	if n.Kind == yaml.ScalarNode && (n.Value == "Secret" || n.Value == "SecretList" || n.Tag == "!!binary") {
		return true
	}
	for _, child := range n.Content {
		if mentionsSecret(child) {
			return true
		}
	}
	return false
}
