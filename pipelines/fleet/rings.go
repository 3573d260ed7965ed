package fleet

import (
	"fmt"
	"path"
	"slices"
	"time"

	"kasou/pipelines/finding"
)

// RuleRing is a ring that takes no cluster or says what means nothing, or a cluster
// that no ring takes.
const RuleRing finding.Rule = "fleet-ring"

// Ring is a part of the fleet that moves to a newer chart after the ring before it.
type Ring struct {
	// Name of the ring: a DNS-1123 label.
	Name string `json:"name" jsonschema:"minLength=1,maxLength=63,example=canary"`
	// Clusters are the names of those in the ring, or patterns with * and ?. A
	// cluster belongs to the first ring that names it. Default: all that are left.
	Clusters []string `json:"clusters,omitempty" jsonschema:"minItems=1,example=dev-*"`
	// Soak is how long every cluster of the ring before has to be on a version, by
	// git's dates, before this ring follows; a Go duration, with days: 3d. Default: 0s.
	Soak string `json:"soak,omitempty" jsonschema:"minLength=1,default=0s,example=3d"`
}

// Takes reports whether the ring names the cluster, or takes all that are left.
func (r Ring) Takes(cluster string) bool {
	return len(r.Clusters) == 0 || slices.ContainsFunc(r.Clusters, func(pattern string) bool {
		matched, _ := path.Match(pattern, cluster) // the pattern was checked
		return matched
	})
}

// SoakTime returns soak as a duration; the fleet's checks have made sure that it
// parses.
func (r Ring) SoakTime() time.Duration {
	d, _ := ParseDuration(r.Soak)
	return d
}

// RingOf returns the index of the ring that a cluster belongs to, and false where
// none takes it.
func (s FleetSpec) RingOf(cluster string) (int, bool) {
	i := slices.IndexFunc(s.Rings, func(r Ring) bool { return r.Takes(cluster) })
	return i, i >= 0
}

// RingNames returns the names of rings, in their order.
func RingNames(rings []Ring) []string {
	names := make([]string, len(rings))
	for i, r := range rings {
		names[i] = r.Name
	}
	return names
}

// checkRings checks each ring by itself and against those before it.
func checkRings(rings []Ring, report reporter) {
	for i, r := range rings {
		at := fmt.Sprintf("spec.rings.%d", i)
		report(at+".name", checkLabel(RuleRing, r.Name))
		if slices.ContainsFunc(rings[:i], func(other Ring) bool { return other.Name == r.Name }) {
			report(at+".name", fail(RuleRing, quoted(r.Name)+" is also the name of a ring before it", "Give each ring a name of its own."))
		}
		if len(r.Clusters) == 0 && i < len(rings)-1 {
			report(at, fail(RuleRing, "takes all clusters that are left, and is not the last ring", "Name its clusters, or move it to the end."))
		}
		for j, pattern := range r.Clusters {
			if _, err := path.Match(pattern, ""); err != nil {
				report(fmt.Sprintf("%s.clusters.%d", at, j), fail(RuleRing, quoted(pattern)+" is not a pattern", "Write names, with * for any characters and ? for one."))
			}
		}
		if r.Soak != "" {
			report(at+".soak", checkSoak(r.Soak, i))
		}
	}
}

func checkSoak(text string, ring int) *problem {
	d, err := ParseDuration(text)
	switch {
	case err != nil || d < 0:
		return fail(RuleRing, quoted(text)+" is not how long something lasts", "Write a number with d, h or m, such as 3d.")
	case ring == 0 && d > 0:
		return fail(RuleRing, "is how long the ring before has to be on a version, and there is none before the first", "Write it at the ring that is to wait.")
	}
	return nil
}

// checkInRings warns of clusters that no ring takes: kasou upgrade passes them over.
func checkInRings(f *Fleet, report reporter) {
	if len(f.Spec.Rings) == 0 {
		return
	}
	var left []string
	for i := range f.Clusters {
		if _, taken := f.Spec.RingOf(f.Clusters[i].Name); !taken {
			left = append(left, f.Clusters[i].Name)
		}
	}
	if len(left) == 0 {
		return
	}
	report("spec.rings", warn(RuleRing, "take no cluster of the name "+finding.Few(left, 3)+", so kasou upgrade passes over it",
		"End the list with a ring that has no clusters: it takes all that are left."))
}
