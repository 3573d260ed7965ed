package manifest

import (
	"bytes"
	"fmt"
)

// Error is a place at which a file cannot be divided into documents.
type Error struct {
	// Line counts from 1.
	Line    int
	Message string
}

func (e *Error) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

const (
	behindMarker = "something stands behind a ---; put it on a line of its own"
	behindEnd    = "something stands behind a ... line; write --- in front of it"
)

// split divides a YAML or JSON file at its --- and ... lines, which YAML takes for
// markers in every state of the parser. What has nothing but comments and blank
// lines is left out.
func split(data []byte) []Document {
	s := splitter{data: data}
	s.start = len(data) - len(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
	s.open.Line = 1
	for at := s.start; at < len(data); {
		s.line++
		next := endOfLine(data, at)
		switch text := data[at:next]; {
		case isMarker(text, "---"):
			s.flush(at)
			s.open, s.start = Document{Line: s.line + 1, from: at, marked: true}, next
			if !blank(text[len("---"):]) {
				s.open.Line, s.start, s.content = s.line, at, true
				s.open.Divided = &Error{Line: s.line, Message: behindMarker}
			}
		case isMarker(text, "..."):
			s.flush(next)
			s.open, s.start = Document{Line: s.line + 1, from: next, marked: true}, next
			s.open.Divided = &Error{Line: s.line + 1, Message: behindEnd}
		case !s.content && !blank(text):
			s.content = true
		}
		at = next
	}
	s.flush(len(data))
	return s.documents
}

type splitter struct {
	data      []byte
	documents []Document
	// open is the document at work: its bytes begin at start, and content means that
	// it has more than comments.
	open        Document
	start, line int
	content     bool
}

func (s *splitter) flush(end int) {
	if s.content {
		s.open.Bytes, s.open.to = s.data[s.start:end:end], end
		s.documents = append(s.documents, s.open)
	}
	s.content = false
}

func endOfLine(data []byte, at int) int {
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(data)
}

// isMarker reports whether a line is --- or ..., alone or before a blank: ---- and
// ---x are no markers.
func isMarker(line []byte, marker string) bool {
	after, found := bytes.CutPrefix(line, []byte(marker))
	return found && (len(after) == 0 || bytes.IndexByte([]byte(" \t\r\n"), after[0]) >= 0)
}

// blank reports whether a line has nothing but spaces and a comment. YAML knows
// more line ends than \n, and a comment goes no further than any of them.
func blank(line []byte) bool {
	trimmed := bytes.Trim(line, " \t\r\n")
	return len(trimmed) == 0 || (trimmed[0] == '#' && !bytes.ContainsAny(trimmed, "\r\u0085\u2028\u2029"))
}
