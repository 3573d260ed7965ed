package tree

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// Findings returns what is wrong on disk, for a check: one error for each edited
// or missing file, at its first differing line, and one error for each other
// cause, with the number of files. Sorted.
func (p Plan) Findings() finding.List {
	list := p.HandEdits(finding.Error)
	counts := map[Cause][]string{}
	for _, c := range p.Changes {
		switch c.Cause {
		case HandEdit, LineEnds:
		case Missing:
			list = append(list, p.missing(c.Path))
		default:
			counts[c.Cause] = append(counts[c.Cause], c.Path)
		}
	}
	for cause, paths := range counts {
		list = append(list, p.bulk(cause, paths))
	}
	list.Sort()
	return list
}

// HandEdits returns a finding of the severity for each generated file that was
// edited: a build overwrites them, and says so.
func (p Plan) HandEdits(severity finding.Severity) finding.List {
	var list finding.List
	for _, c := range p.Changes {
		if c.Cause == LineEnds {
			list = append(list, lineEnds(severity, c.Path, p.Cluster))
		}
		if c.Cause != HandEdit {
			continue
		}
		f := p.finding(severity, RuleHandEdit, c.Path, editedMessage)
		f.Line, f.Column = firstDifference(c.Old, c.New)
		f.Hint = "Run kasou build to undo the edit."
		if p.Cluster != "" {
			f.Hint = "Change spec.yaml instead (spec.values reaches every value of the chart). kasou build undoes the edit."
		}
		list = append(list, f)
	}
	return list
}

const editedMessage = "edited since kasou wrote it"

func (p Plan) missing(file string) finding.Finding {
	return p.finding(finding.Error, RuleMissing, file, "kasou wrote this file, and it is gone")
}

func (p Plan) finding(severity finding.Severity, rule finding.Rule, file, message string) finding.Finding {
	return finding.Finding{
		File: file, Cluster: p.Cluster, Rule: rule, Severity: severity, Message: message,
		Hint: "Run kasou build, and commit what it writes.",
	}
}

// bulk returns one finding for all the files of a cause.
func (p Plan) bulk(cause Cause, paths []string) finding.Finding {
	spec := layout.Of(p.dir, p.Cluster).Spec()
	n := finding.Plural(len(paths), "generated file")
	if p.Cluster == "" {
		message := "is not what this kasou writes"
		if len(paths) > 1 {
			message = n + " are not what this kasou writes: " + some(paths)
		}
		return p.finding(finding.Error, RuleStale, paths[0], message)
	}
	switch cause {
	case New:
		return p.finding(finding.Error, RuleNotBuilt, spec, n+" not written yet: "+some(paths))
	case Interrupted:
		return p.finding(finding.Error, RuleInterrupted, p.lock.Path, "a build was cut off here; to be written again: "+n)
	case Retired:
		return p.finding(finding.Error, RuleRetired, p.lock.Path,
			fmt.Sprintf("cluster %s has no spec.yaml any more, but %s", p.Cluster, n))
	case Orphaned:
		return p.finding(finding.Error, RuleOrphan, paths[0], fmt.Sprintf("cluster %s has no folder any more", p.Cluster))
	case Unwanted:
		return p.finding(finding.Error, RuleStale, spec, n+" no longer wanted: "+some(paths))
	default:
		return p.finding(finding.Error, RuleStale, spec, n+" out of date: "+some(paths))
	}
}

// firstDifference returns line and column, in characters from 1, of the first
// place in a where it differs from b.
func firstDifference(a, b []byte) (line, column int) {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	start := bytes.LastIndexByte(a[:n], '\n') + 1
	return bytes.Count(a[:n], []byte("\n")) + 1, utf8.RuneCount(a[start:n]) + 1
}
