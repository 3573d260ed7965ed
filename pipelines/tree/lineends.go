package tree

import (
	"bytes"
	"fmt"

	"kasou/pipelines/finding"
)

// The files that kasou writes have LF line ends, and are known by their bytes. A
// checkout in which git made CRLF of them (core.autocrlf, core.eol) differs in
// each of them, and nobody edited any.

const lineEndsHint = "Write \"clusters/** -text\" into .gitattributes, or set git's core.autocrlf to false, and check the files out again."

// unconverted returns data with LF line ends, where all of them are CRLF.
func unconverted(data []byte) ([]byte, bool) {
	lines := bytes.Count(data, []byte("\n"))
	if lines == 0 || bytes.Count(data, []byte("\r\n")) != lines {
		return nil, false
	}
	return bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n")), true
}

func lineEnds(severity finding.Severity, file, cluster string) finding.Finding {
	return finding.Finding{
		File: file, Cluster: cluster, Rule: RuleLineEnds, Severity: severity,
		Message: "the line ends are CRLF, as git makes them with core.autocrlf: kasou knows its files by their bytes",
		Hint:    lineEndsHint,
	}
}

// OneCheckout leaves one finding of all that say that line ends were converted:
// that is a property of the checkout. The list is sorted.
func OneCheckout(list finding.List) finding.List {
	var kept finding.List
	first, more := -1, 0
	for _, f := range list {
		switch {
		case f.Rule != RuleLineEnds:
			kept = append(kept, f)
		case first < 0:
			first = len(kept)
			kept = append(kept, f)
		default:
			more++
			if kept[first].Cluster != f.Cluster {
				kept[first].Cluster = ""
			}
			kept[first].Severity = max(kept[first].Severity, f.Severity)
		}
	}
	if more > 0 {
		kept[first].Message += fmt.Sprintf(" (here, and in %s)", finding.Plural(more, "other file"))
	}
	return kept
}
