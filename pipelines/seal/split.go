package seal

import (
	"bytes"
	"errors"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
	sigsyaml "sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// segment is a part of a file that holds at most one document: its --- line, if
// it has one, and everything up to the next one.
type segment struct {
	// line of the file that the segment starts at, from 1.
	line int
	// marker is the --- line with its line ending.
	marker []byte
	body   []byte
	// bare says that it stands behind a ... line and has no --- line of its own.
	bare bool
	// end is the ... line that ends it, if there is one.
	end []byte
}

// split cuts a file at the lines that YAML takes for document markers, which
// are the same in every state of the parser. Joined, the segments are the file.
func split(data []byte) []segment {
	segments := []segment{{line: 1}}
	line := 0
	for rest := data; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		if end == 0 {
			end = len(rest)
		}
		text := rest[:end]
		rest = rest[end:]
		line++
		last := &segments[len(segments)-1]
		switch {
		case isMarker(text, "---"):
			if len(last.body) == 0 && len(last.marker) == 0 {
				*last = segment{line: line, marker: text}
			} else {
				segments = append(segments, segment{line: line, marker: text})
			}
		case isMarker(text, "..."):
			last.end = text
			segments = append(segments, segment{line: line + 1, bare: true})
		default:
			last.body = append(last.body, text...)
		}
	}
	return segments
}

// isMarker says whether a line is --- or ..., alone or before a blank.
func isMarker(line []byte, marker string) bool {
	after, found := bytes.CutPrefix(line, []byte(marker))
	return found && (len(after) == 0 || bytes.IndexByte([]byte(" \t\r\n"), after[0]) >= 0)
}

func (s segment) bytes() []byte { return bytes.Join([][]byte{s.marker, s.body, s.end}, nil) }

// sourceLine is the comment that Helm writes over a document. Any other comment
// may quote a value.
var sourceLine = regexp.MustCompile(`^# Source: [A-Za-z0-9._/-]+\r?\n`)

// with gives the segment with another document in its place.
func (s segment) with(document []byte) []byte {
	var out []byte
	if len(s.marker) > 0 || s.bare {
		out = append(out, "---\n"...)
	}
	out = append(out, sourceLine.Find(s.body)...)
	out = append(out, document...)
	return append(out, s.end...)
}

var (
	errManyDocuments = errors.New("it holds several documents without a --- line between them")
	errSyntax        = errors.New("it is not YAML")
	errDuplicate     = errors.New("it has a key twice")
	errParsersDiffer = errors.New("one YAML parser reads another kind in it than the next")
	errDivided       = errors.New("other tools of Kubernetes divide this file in another way, and find a Secret")
	errNotAnObject   = errors.New("its keys are not all strings")
)

// document is the object in a segment.
type document struct {
	// object is nil where the segment has none: only comments, or a scalar.
	object map[string]any
	// kindLine is the line in the file of its kind, or of its start.
	kindLine int
}

// plain reads a segment by one parser, which is enough where kasou writes the
// object anew. The --- line must have nothing of the object in it.
func (s segment) plain() (document, bool) {
	if marker := bytes.TrimSpace(s.marker); len(marker) > 0 && string(marker) != "---" {
		return document{}, false
	}
	before, _, _ := bytes.Cut(append([]byte("\n"), s.body...), []byte("\nkind:"))
	d := document{kindLine: s.line + bytes.Count(s.marker, []byte("\n")) + bytes.Count(before, []byte("\n"))}
	// A key that stands twice is an error here.
	ok := manifest.UnmarshalStrict(s.body, &d.object) == nil && text(d.object, "kind") != ""
	return d, ok
}

// readSealable reads a segment that holds a Secret.
func (s segment) readSealable() (document, error) {
	d, ok := s.plain()
	if !ok || !holdsSecret(d.object) {
		var err error
		if d, err = s.read(); err != nil {
			return d, err
		}
	}
	if d.object == nil || !holdsSecret(d.object) {
		return d, errParsersDiffer
	}
	return d, nil
}

// read parses a segment the way the API server does, and makes sure that
// another parser finds the same. The errors quote nothing.
func (s segment) read() (document, error) {
	data := s.bytes()
	node, err := onlyNode(data)
	if err != nil {
		return document{}, err
	}
	if node == nil {
		return document{}, nil
	}
	d := document{kindLine: s.line + kindLine(node) - 1}
	if node.Kind != yaml.MappingNode {
		return d, nil
	}
	if hasDuplicate(node) {
		if mentionsSecret(node) {
			return d, errDuplicate
		}
		return d, nil // Whatever it is, the stage conform reports it.
	}
	if sigsyaml.Unmarshal(data, &d.object) != nil {
		return d, errNotAnObject
	}
	var second struct {
		Kind any `yaml:"kind"`
	}
	if node.Decode(&second) != nil {
		return d, errNotAnObject
	}
	if kind, _ := second.Kind.(string); kind != text(d.object, "kind") {
		return d, errParsersDiffer
	}
	return d, nil
}

// onlyNode gives the root of the only document in data, nil where it is empty.
func onlyNode(data []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var first, second yaml.Node
	if err := decoder.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, errSyntax
	}
	if err := decoder.Decode(&second); err == nil {
		return nil, errManyDocuments
	} else if !errors.Is(err, io.EOF) {
		return nil, errSyntax
	}
	if len(first.Content) == 0 {
		return nil, nil
	}
	return first.Content[0], nil
}

func kindLine(n *yaml.Node) int {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == "kind" {
			return n.Content[i].Line
		}
	}
	return n.Line
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

// mentionsSecret says whether any value is the word that a kind could be.
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
