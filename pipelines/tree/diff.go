package tree

import (
	"cmp"
	"slices"
	"strings"

	"kasou/pipelines/difference"
	"kasou/pipelines/layout"
)

// Diff returns what the plan changes, by meaning: the effective values first, then the
// files in the order of their paths.
func (p Plan) Diff() string {
	all := p.differences()
	values := layout.Of(p.dir, p.Cluster).Values()
	rank := func(c difference.Change) int {
		if c.Path == values {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b difference.Change) int { return cmp.Compare(rank(a), rank(b)) })
	return difference.Meaning(all)
}

// FullDiff returns what the plan changes, from the disk (a/) to what is wanted (b/), as
// unified diffs in the order of the paths, which git applies where nothing is sealed.
func (p Plan) FullDiff() string {
	var b strings.Builder
	for _, c := range p.differences() {
		b.WriteString(difference.Full(c))
	}
	return b.String()
}

func (p Plan) differences() []difference.Change {
	all := make([]difference.Change, len(p.Changes))
	for i, c := range p.Changes {
		all[i] = difference.Change{Path: c.Path, Old: c.Old, New: c.New}
	}
	return all
}
