package report

import (
	"fmt"
	"strings"
)

// Text that others wrote stands in two forms only, in which Markdown, HTML and
// what GitHub adds to them (mentions, issue numbers, links) have no meaning: as
// a code of plain characters, and in a fenced block.

// PlainName returns a name in the characters that names have; all others are
// percent-encoded. It fits into a table, into HTML, and into an HTML comment.
func PlainName(s string) string { return strings.ReplaceAll(plainName(s), "--", "%2D%2D") }

// plainName is PlainName where no comment is.
func plainName(s string) string {
	var b strings.Builder
	for _, c := range []byte(s) {
		if isPlain(c) {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return clip(b.String(), 253)
}

func isPlain(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '.' || c == '_'
}

// fenced returns text as a block of code. No line of it can close the fence,
// which is longer than any row of backticks within.
func fenced(language, text string) string {
	text = clean(text)
	fence := strings.Repeat("`", max(3, longestRun(text, '`')+1))
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return fence + language + "\n" + text + fence + "\n"
}

func longestRun(s string, of byte) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != of {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// folded hides a block behind a line, which must be harmless HTML.
func folded(line, block string) string {
	return "<details><summary>" + line + "</summary>\n\n" + block + "\n</details>\n\n"
}

// clipLines cuts text to at most n bytes, between two lines where it can.
func clipLines(s string, n int) (kept string, cut bool) {
	if len(s) <= n {
		return s, false
	}
	kept = s[:n]
	if i := strings.LastIndexByte(kept, '\n'); i >= 0 {
		kept = kept[:i+1]
	}
	return kept, true
}
