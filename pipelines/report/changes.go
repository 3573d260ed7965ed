package report

import (
	"fmt"

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

// Title names the clusters: one by its name, several by their number and three names.
func (g ChangedGroup) Title() string { return Planned{Names: g.Names}.title() }

// Changed groups the clusters whose files change by how they do, in the order of their
// first; alone leaves each cluster by itself.
func (r *Report) Changed(alone bool) []ChangedGroup {
	var groups []ChangedGroup
	at := map[[2]string]int{}
	for _, c := range r.Clusters {
		if c.Diff == "" && len(c.Changes) == 0 {
			continue
		}
		one := ChangedGroup{Names: []string{c.Name}, Diff: c.Diff, Files: c.files(), changes: c.Changes}
		like := [2]string{replaceName(one.Diff, c.Name), replaceName(one.Files, c.Name)}
		i, known := at[like]
		if !known || alone {
			at[like] = len(groups)
			groups = append(groups, one)
			continue
		}
		groups[i].Names = append(groups[i].Names, c.Name)
		groups[i].Diff, groups[i].Files = like[0], like[1]
	}
	return groups
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
