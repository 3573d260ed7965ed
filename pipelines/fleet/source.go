package fleet

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
)

// source is one file as it was read: what it holds, where it stands, and what
// is wrong with its form.
type source struct {
	file, cluster string
	data          []byte
	// raw is the content without what the schema refuses; nil where the file
	// could not be read at all.
	raw      map[string]any
	document *position.Document
	// refused are the paths of the values that raw lacks because something was
	// wrong with them, and of those that should have been there.
	refused  [][]string
	findings finding.List
	// text is the SHA-256 of the file.
	text [sha256.Size]byte
}

// newSource returns the source of a text that is not parsed yet. cluster is empty for
// fleet.yaml.
func newSource(file, cluster string, data []byte) *source {
	return &source{file: file, cluster: cluster, data: data, text: sha256.Sum256(data)}
}

// parse returns the source of a text, parsed.
func parse(file, cluster string, data []byte, s *schema) *source {
	src := newSource(file, cluster, data)
	parseSource(src, s)
	return src
}

// keyOf returns the key, in the cache, of what the source's text says.
func keyOf(src *source) string {
	if src.cluster == "" {
		return "fleet " + string(src.text[:])
	}
	return "spec " + string(src.text[:])
}

// parseSource reads the source's text as YAML in the way Helm reads a values.yaml, and holds it
// to the schema. Whatever is wrong becomes a finding of the source.
func parseSource(src *source, s *schema) {
	data, ok := src.plain(src.data)
	if !ok {
		return
	}
	content, err := manifest.Read(data)
	if src.document = position.Folded(data); err != nil || mayMerge(data) {
		if content, ok = src.explained(data); !ok {
			return
		}
	}
	if content == nil {
		writer := "kasou init"
		if src.cluster != "" {
			writer = "kasou new " + src.cluster
		}
		src.report(1, 1, RuleEmptyValue, "the file is empty", "It needs apiVersion, kind and spec: remove it, and `"+writer+"` writes one.")
		return
	}
	for path, r := range manifest.Unwritable(content) {
		line, column := src.document.KeyAt(path...)
		src.report(line, column, RuleEncoding, fmt.Sprintf("the escaped character %U cannot be passed to a chart", r), "Remove it.")
	}
	src.validate(s, content)
}

// mayMerge reports whether a mapping of the YAML may take others in, by << or by a tag: two
// keys of that kind in one are not told by the parser.
func mayMerge(data []byte) bool {
	return bytes.Contains(data, []byte("<<")) || bytes.ContainsRune(data, '!')
}

// explained returns what can be read of data, whose form may be wrong, and says where it
// is: so whatever else is wrong is told, too.
func (src *source) explained(data []byte) (content any, ok bool) {
	src.document = nil
	document, err := position.Parse(data, 0)
	if err != nil {
		src.syntaxError(err, data)
		return nil, false
	}
	for _, d := range document.Duplicates() {
		src.report(d.Line, d.Column, RuleDuplicateKey,
			fmt.Sprintf("duplicate key %q", d.Key),
			fmt.Sprintf("It stands in line %d already: keep one of the two.", d.FirstLine))
	}
	content, err = manifest.ReadLast(data)
	if err != nil && (len(src.findings) == 0 || !errors.Is(err, manifest.ErrSameKey)) {
		src.conversionError(err, document, data)
	}
	if err != nil {
		return nil, false
	}
	src.document = document
	return content, true
}

// byteOrderMark is what some editors begin a file with.
var byteOrderMark = []byte("\ufeff")

// plain refuses what is not UTF-8 text, which YAML parsers report without a
// position, and takes a byte order mark away.
func (src *source) plain(data []byte) ([]byte, bool) {
	data = bytes.TrimPrefix(data, byteOrderMark)
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		src.report(1, 1, RuleEncoding, "the file is UTF-16", "Save it as UTF-8.")
		return nil, false
	}
	for offset := 0; offset < len(data); {
		r, size := utf8.DecodeRune(data[offset:])
		switch {
		case r == utf8.RuneError && size == 1:
			line, column := placeOf(data, offset)
			src.report(line, column, RuleEncoding, fmt.Sprintf("byte 0x%02x is not UTF-8", data[offset]), "Save the file as UTF-8.")
			return nil, false
		case unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\u0085", r), r == '\ufeff', r == '\ufffe', r == '\uffff':
			line, column := placeOf(data, offset)
			src.report(line, column, RuleEncoding, fmt.Sprintf("the character %U is not allowed in YAML", r), "Remove it, or write it as an escape in double quotes.")
			return nil, false
		}
		offset += size
	}
	return data, true
}

// lineBreak is what YAML takes for one.
var lineBreak = regexp.MustCompile("\r\n|[\r\n\u0085\u2028\u2029]")

// placeOf returns line and column of the byte at offset.
func placeOf(data []byte, offset int) (line, column int) {
	lines := lineBreak.Split(string(data[:offset]), -1)
	return len(lines), utf8.RuneCountInString(lines[len(lines)-1]) + 1
}

func (src *source) report(line, column int, rule finding.Rule, message, hint string) {
	src.findings = append(src.findings, finding.Finding{
		File: src.file, Cluster: src.cluster, Line: line, Column: column,
		Rule: rule, Severity: finding.Error, Message: message, Hint: hint,
	})
}

// syntaxError reports what the YAML parser said. It sometimes names the line
// after the last one.
func (src *source) syntaxError(err error, data []byte) {
	line, message := 1, err.Error()
	if syntax, ok := errors.AsType[*position.SyntaxError](err); ok {
		line, message = syntax.Line, syntax.Message
	}
	if name, found := strings.CutPrefix(message, "unknown anchor '"); found {
		// Text such as a password that begins with * is read as an alias: it is
		// not repeated.
		name, _, _ = strings.Cut(name, "'")
		line, column := placeOf(data, max(0, bytes.Index(data, []byte("*"+name))))
		src.report(line, column, RuleSyntax, "not valid YAML: an alias of an anchor that is not there", "Quote text that begins with *.")
		return
	}
	hint := "Look at the indentation, quotes and colons of this line and of the one above."
	if strings.Contains(message, "tab character") || strings.Contains(message, "cannot start any token") {
		hint = "Indent with spaces, and quote text that begins with one of @ ` % or a tab."
	}
	if strings.Contains(message, "second YAML document") {
		hint = "Remove the --- line and what follows it: each cluster has a file of its own."
	}
	line, column := textOf(data, line)
	src.report(line, column, RuleSyntax, "not valid YAML: "+message, hint)
}

// conversionError reports YAML that parses and still cannot be read as plain data.
func (src *source) conversionError(err error, document *position.Document, data []byte) {
	line, message, hint := manifest.Explain(err)
	line, column := textOf(data, line)
	if errors.Is(err, manifest.ErrSameKey) {
		line, column = document.SameKey()
	}
	src.report(line, column, RuleSyntax, message, hint)
}

// textOf returns the line, or the last one before it that there is, and the
// column in which its text begins: the parsers' errors have no column.
func textOf(data []byte, line int) (int, int) {
	lines := lineBreak.Split(strings.TrimRight(string(data), "\r\n"), -1)
	line = min(max(line, 1), len(lines))
	text := lines[line-1]
	indent := len(text) - len(strings.TrimLeft(text, " \t"))
	return line, indent + 1
}

// has reports whether the file has a value at path, one that is refused apart.
func (src *source) has(path ...string) bool {
	last := len(path) - 1
	_, ok := object(src.raw, path[:last]...)[path[last]]
	return ok
}

// refuse takes the value at path out of the content; where it is an item of a
// list, the whole list.
func (src *source) refuse(path []string) {
	src.refused = append(src.refused, path)
	src.drop(path)
}

func (src *source) drop(path []string) {
	node := src.raw
	for i, step := range path {
		child, ok := node[step].(map[string]any)
		if !ok || i == len(path)-1 {
			delete(node, step)
			return
		}
		node = child
	}
}

// isRefused reports whether the value at path, or one that it is a part of, has
// a finding already.
func (src *source) isRefused(path []string) bool {
	return slices.ContainsFunc(src.refused, func(r []string) bool {
		n := min(len(r), len(path))
		return slices.Equal(r[:n], path[:n])
	})
}
