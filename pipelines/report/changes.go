package report

import (
	"fmt"
	"slices"

	"kasou/pipelines/finding"
)

// ChangedGroup are clusters whose files change alike.
type ChangedGroup struct {
	// Names are in the order of the report.
	Names []string
	// Diff is what changes, and Files which file, or how many; both have NAME in the
	// place of a cluster's name where several are meant. Diff is empty where none was
	// asked for.
	Diff, Files string
	// changes are those of the first.
	changes []Change
}

// Changed groups the clusters whose files change by how they do, in the order of their
// first; alone leaves each cluster by itself.
func (r *Report) Changed(alone bool) []ChangedGroup {
	type like struct{ diff, files, name string }
	likeOf := func(c Cluster) like {
		l := like{diff: replaceName(c.Diff, c.Name), files: replaceName(c.files(), c.Name)}
		if alone {
			l.name = c.Name
		}
		return l
	}
	changing := slices.DeleteFunc(slices.Clone(r.Clusters), func(c Cluster) bool { return c.Diff == "" && len(c.Changes) == 0 })
	var groups []ChangedGroup
	for _, clusters := range grouped(changing, likeOf) {
		first := clusters[0]
		g := ChangedGroup{Names: names(clusters), Diff: first.Diff, Files: first.files(), changes: first.Changes}
		if len(clusters) > 1 {
			g.Diff, g.Files = likeOf(first).diff, likeOf(first).files
		}
		groups = append(groups, g)
	}
	return groups
}

// names returns the clusters' names.
func names(clusters []Cluster) []string {
	var all []string
	for _, c := range clusters {
		all = append(all, c.Name)
	}
	return all
}

// files returns the one file that changes, or how many are created, updated and deleted.
func (c Cluster) files() string {
	if len(c.Changes) == 1 {
		return fmt.Sprintf("%s %sd", c.Changes[0].Path, c.Changes[0].Kind)
	}
	return countChanges(c.Changes)
}

// likes are Likes, or each finding by itself where all is to be shown.
func (t *textWriter) likes(all finding.List) []Like {
	if !t.options.Verbose {
		return Likes(all)
	}
	alone := make([]Like, len(all))
	for i, f := range all {
		alone[i] = Like{Finding: f, first: f}
	}
	return alone
}
