package report

import (
	"fmt"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// Like is a finding that several clusters have alike.
type Like struct {
	// Finding is the first of them, where several are meant with NAME in the place of
	// the cluster's name.
	finding.Finding
	// Clusters are their names, in the order of the findings; none where it is one
	// alone.
	Clusters []string
	// first is the first of them as it was found.
	first finding.Finding
}

// String returns how many clusters there are and three of their names; "" for one.
func (l Like) String() string {
	if len(l.Clusters) < 2 {
		return ""
	}
	return fmt.Sprintf("%d clusters: %s", len(l.Clusters), finding.Few(l.Clusters, 3))
}

// Likes puts findings together that say the same of several clusters: with one rule,
// severity, message and hint, but for the clusters' names. Errors at several places
// stand alone, and so do those of one cluster: each is to be mended.
func Likes(all finding.List) []Like {
	type key struct {
		rule          finding.Rule
		severity      finding.Severity
		message, hint string
		// at is where an error stands, and nth which of its cluster's it is.
		at  string
		nth int
	}
	type ofCluster struct {
		key
		cluster string
	}
	var likes []Like
	at, seen := map[key]int{}, map[ofCluster]int{}
	told := map[finding.Finding]bool{}
	for _, f := range all {
		if f.Cluster == "" {
			likes = append(likes, Like{Finding: f, first: f})
			continue
		}
		k := key{f.Rule, f.Severity, replaceName(f.Message, f.Cluster), replaceName(f.Hint, f.Cluster), "", 0}
		switch {
		case told[f]:
			continue
		case f.Severity == finding.Error && f.Line > 0:
			k.at = f.Position()
		case f.Severity == finding.Error:
			k.at = replaceName(f.File, f.Cluster)
		}
		told[f] = true
		of := ofCluster{k, f.Cluster}
		k.nth, seen[of] = seen[of], seen[of]+1
		i, known := at[k]
		if !known {
			at[k] = len(likes)
			likes = append(likes, Like{Finding: f, Clusters: []string{f.Cluster}, first: f})
			continue
		}
		likes[i].Message, likes[i].Hint = k.message, k.hint
		likes[i].Clusters = append(likes[i].Clusters, f.Cluster)
	}
	return likes
}

// grouped returns the items that have a key alike, groups and items in their order.
func grouped[T any, K comparable](items []T, key func(T) K) [][]T {
	var groups [][]T
	at := map[K]int{}
	for _, item := range items {
		k := key(item)
		i, known := at[k]
		if !known {
			i = len(groups)
			at[k], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], item)
	}
	return groups
}

// withHint returns a text with the hint on a line of its own, where there is one.
func withHint(text, hint string) string { return strings.TrimSuffix(text+"\n"+hint, "\n") }

// sameBut reports whether two say the same of two files, and the second of no line.
func (l Like) sameBut(next Like) bool {
	return next.Line == 0 && l.Rule == next.Rule && l.Severity == next.Severity && l.Message == next.Message && l.Hint == next.Hint &&
		slices.Equal(l.Clusters, next.Clusters)
}

// asksForNothing reports whether the finding is a note without anything to do.
func asksForNothing(f finding.Finding) bool { return f.Severity == finding.Note && f.Hint == "" }

// quiet splits off what is shown only where everything is: notes that ask for
// nothing.
func quiet(all finding.List, verbose bool) (shown finding.List, hidden int) {
	if verbose {
		return all, 0
	}
	for _, f := range all {
		if asksForNothing(f) {
			hidden++
			continue
		}
		shown = append(shown, f)
	}
	return shown, hidden
}

// hiddenLine says how much is not shown.
func hiddenLine(hidden int) string {
	switch hidden {
	case 0:
		return ""
	case 1:
		return "1 note asks for nothing: -v shows it"
	}
	return fmt.Sprintf("%d notes ask for nothing: -v shows them", hidden)
}
