// Package manifest is what stands in generated files: their documents, parsed once,
// their contents and digests.
package manifest

import (
	"bytes"
	"fmt"
)

// Document is one Kubernetes object in YAML, without a --- line.
type Document struct {
	// File is where it stands, relative to the repo's root, and Line the line
	// of the file that its first line is, from 1.
	File string
	Line int
	Data []byte
}

// Error is a file that cannot be split into documents.
type Error struct {
	// Line counts from 1.
	Line    int
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

// Split divides a YAML or JSON file at its --- lines, as Kubernetes' own
// splitters do. What has nothing but comments and blank lines is left out.
// The documents share data's memory. The error is a *Error: something
// stands behind a ---, which YAML allows and kubectl does not.
func Split(path string, data []byte) ([]Document, error) {
	var documents []Document
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	start, startLine, line := 0, 1, 0
	content := false
	flush := func(end int) {
		if content {
			documents = append(documents, Document{File: path, Line: startLine, Data: data[start:end:end]})
		}
		content = false
	}
	for at := 0; at < len(data); {
		line++
		next := endOfLine(data, at)
		text := data[at:next]
		switch rest, separator := cutSeparator(text); {
		case separator && !blank(rest):
			return nil, &Error{Line: line, Message: "something stands behind a ---; put it on a line of its own"}
		case separator:
			flush(at)
			start, startLine = next, line+1
		case !content && !blank(text):
			content = true
		}
		at = next
	}
	flush(len(data))
	return documents, nil
}

func endOfLine(data []byte, at int) int {
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(data)
}

// cutSeparator says whether a line starts with the marker --- and gives what
// stands behind it. ---- and ---x are no markers.
func cutSeparator(line []byte) (rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(line, []byte("---"))
	if !ok || (len(rest) > 0 && !bytes.ContainsRune([]byte(" \t\r\n"), rune(rest[0]))) {
		return nil, false
	}
	return rest, true
}

// blank says whether a line has nothing but spaces and a comment. YAML knows
// more line ends than \n, and a comment goes no further than any of them.
func blank(line []byte) bool {
	trimmed := bytes.Trim(line, " \t\r\n")
	return len(trimmed) == 0 || (trimmed[0] == '#' && !bytes.ContainsAny(trimmed, "\r\u0085\u2028\u2029"))
}
