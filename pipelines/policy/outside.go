package policy

import (
	"cmp"
	"fmt"
	"slices"
	"sync"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// reaches keeps an object that another cluster of the host could bring, too: one without a
// namespace, of another namespace, of a shared one, or of one that another may write into.
func (c *checker) reaches(o Object, kind Kind, clusterScoped bool) {
	namespace := cmp.Or(manifest.Text(o.Fields, "metadata", "namespace"), c.Cluster.Spec.Namespace)
	object := manifest.Text(o.Fields, "metadata", "name")
	switch {
	case object == "": // a hook to which Argo CD gives a name
		return
	case clusterScoped:
		namespace = ""
	case namespace == c.Cluster.Spec.Namespace && !c.Cluster.Spec.ShareNamespace && !c.Own.Visited(c.Cluster):
		return
	}
	c.made(o, kind, namespace, object)
	c.outside = append(c.outside, manifest.Claim{
		Key:   keyOf(c.Cluster.Spec.Host, kind, namespace, object),
		Title: name(o, kind), File: o.File, Line: o.Line,
	})
}

// Fleet gathers the objects of several clusters. The zero value has none, and any
// number of goroutines may put some.
type Fleet struct {
	mu sync.Mutex
	by map[string][]owned
}

type owned struct {
	cluster string
	manifest.Claim
}

// Put enters what a cluster brings.
func (f *Fleet) Put(cluster string, objects []manifest.Claim) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.by == nil {
		f.by = map[string][]owned{}
	}
	for _, o := range objects {
		f.by[o.Key] = append(f.by[o.Key], owned{cluster, o})
	}
}

// Twice returns an error for each object that more than one cluster brings, at all but the
// first by name: each Application would undo what the other does, and take the object along
// when it goes. about says of which clusters one of the two has to be. Sorted.
func (f *Fleet) Twice(about func(cluster string) bool) finding.List {
	f.mu.Lock()
	defer f.mu.Unlock()
	var findings finding.List
	for _, all := range f.by {
		slices.SortFunc(all, func(a, b owned) int { return cmp.Or(cmp.Compare(a.cluster, b.cluster), cmp.Compare(a.File, b.File)) })
		for _, o := range all[1:] {
			if o.cluster == all[0].cluster {
				continue // conform-duplicate says so
			}
			if !about(o.cluster) && !about(all[0].cluster) {
				continue
			}
			findings = append(findings, finding.Finding{
				File: o.File, Line: o.Line, Cluster: o.cluster, Rule: RuleTwice, Severity: finding.Error,
				Message: fmt.Sprintf("%s is also of cluster %s (%s:%d): their Applications would undo each other's", o.Title, all[0].cluster, all[0].File, all[0].Line),
				Hint:    "Leave it to one of the two, or give each a name of its own.",
			})
		}
	}
	findings.Sort()
	return findings
}
