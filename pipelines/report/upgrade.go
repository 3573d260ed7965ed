package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// newerChart is the rule of an upgrade's steps, which kasou upgrade shows by itself.
const newerChart = "lock-newer-chart"

// Upgrade is a cluster's next hop to a newer chart, or why it has none.
type Upgrade struct {
	Cluster string `json:"cluster"`
	// Ring that it belongs to; empty where the fleet has none.
	Ring string `json:"ring,omitempty"`
	// Chart is the name, or the path; From is the version that is committed.
	Chart string `json:"chart"`
	From  string `json:"from,omitempty"`
	// To is the version that is written now; empty where none is.
	To string `json:"to,omitempty"`
	// Way are the versions after From, the next first.
	Way []string `json:"way,omitempty"`
	// Why says why there is no hop now, Stopped why the way ends before the newest
	// version.
	Why     string `json:"why,omitempty"`
	Stopped string `json:"stopped,omitempty"`
}

// Line returns the way on one line.
func (u Upgrade) Line() string {
	text := strings.TrimSpace(u.Chart + " " + u.From)
	shown := u.Way
	if len(shown) > 4 {
		shown = append(slices.Clone(shown[:2]), "…", shown[len(shown)-1])
	}
	for _, v := range shown {
		text += " -> " + v
	}
	if n := len(u.Way); n > 1 {
		text += fmt.Sprintf(", %d hops", n)
		if u.To != "" {
			text += "; this is the first"
		}
	}
	return text
}

// UpgradeGroup are clusters with the same next hop.
type UpgradeGroup struct {
	Upgrade
	// Names are sorted.
	Names []string
}

// UpgradeGroups puts like clusters together, in the order of the report.
func (r *Report) UpgradeGroups() []UpgradeGroup {
	var groups []UpgradeGroup
	for _, alike := range grouped(r.Upgrades, func(u Upgrade) string { u.Cluster = ""; return fmt.Sprint(u) }) {
		g := UpgradeGroup{Upgrade: alike[0]}
		g.Cluster = ""
		for _, u := range alike {
			g.Names = append(g.Names, u.Cluster)
		}
		slices.Sort(g.Names)
		groups = append(groups, g)
	}
	slices.SortStableFunc(groups, func(a, b UpgradeGroup) int { return cmp.Compare(len(a.Why), 0) - cmp.Compare(len(b.Why), 0) })
	return groups
}

// upgrades prints the hops, group by group, and what was written for them.
func (t *textWriter) upgrades(r *Report) {
	moved := 0
	for _, g := range r.UpgradeGroups() {
		ring := ""
		if g.Ring != "" {
			ring = g.Ring + ": "
		}
		fmt.Fprintf(t, "%s: %s\n", t.paint(bold, Inert(ring+titleOf(g.Names))), Inert(g.Line()))
		switch {
		case g.Why != "":
			fmt.Fprintf(t, "  %s\n", t.paint(yellow, Inert(g.Why)))
		case g.Stopped != "":
			fmt.Fprintf(t, "  %s\n", t.paint(yellow, "ends there: "+Inert(g.Stopped)))
		}
		if g.To != "" {
			moved += len(g.Names)
		}
	}
	if moved == 0 && len(r.Upgrades) == 0 && len(r.Findings)+len(r.Unfinished) == 0 {
		fmt.Fprintln(t, "nothing newer: every cluster is on the newest version of its chart")
	}
	t.changes(r)
	if moved > 0 && !r.DryRun && len(r.Clusters) == 0 {
		fmt.Fprintln(t, "Run kasou plan to see what the step does, and kasou build to make it.")
	}
}
