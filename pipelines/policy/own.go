package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
)

// Own are the objects that a fleet makes by itself, and the namespaces of its clusters. The
// zero value has none.
type Own struct {
	fleet *fleet.Fleet
	// namespaces are those of the clusters, with the first cluster of each.
	namespaces func() map[place]string
	// visited are the namespaces of which another cluster's spec.allow speaks.
	visited map[place]bool
}

type place struct{ host, namespace string }

func placeOf(c fleet.Cluster) place { return place{c.Spec.Host, c.Spec.Namespace} }

// OwnOf returns those of a fleet.
func OwnOf(f *fleet.Fleet) Own {
	o := Own{fleet: f, visited: map[place]bool{}}
	o.namespaces = sync.OnceValue(func() map[place]string {
		all := make(map[place]string, len(f.Clusters))
		for _, c := range f.Clusters {
			all[placeOf(c)] = cmp.Or(all[placeOf(c)], c.Name)
		}
		return all
	})
	for _, c := range f.Clusters {
		for _, a := range c.Spec.Allow {
			if a.Namespace != "" && a.Namespace != c.Spec.Namespace {
				o.visited[place{c.Spec.Host, a.Namespace}] = true
			}
		}
	}
	return o
}

// Visited reports whether another cluster's spec allows objects in the cluster's namespace:
// then what the cluster brings there counts among what others could bring, too.
func (o Own) Visited(c fleet.Cluster) bool { return o.visited[placeOf(c)] }

// Claims reports whether the fleet makes one of the objects by itself.
func (o Own) Claims(cluster string, claims []manifest.Claim) bool {
	return slices.ContainsFunc(claims, func(claim manifest.Claim) bool {
		host, kind, namespace, name := splitKey(claim.Key)
		return o.makes(cluster, host, kind, namespace, name) != ""
	})
}

// makes returns what the fleet makes by itself that is the object of a kind, namespace and
// name on a host, as a message calls it; empty where it makes none. A cluster's own
// Namespace is not told: that the object is twice in the cluster is a finding already.
func (o Own) makes(cluster, host string, kind Kind, namespace, name string) string {
	if o.fleet == nil {
		return ""
	}
	if kind == (Kind{Kind: "Namespace"}) {
		if other := o.namespaces()[place{host, name}]; other != "" && other != cluster {
			return "the Namespace of cluster " + other
		}
		return ""
	}
	a := o.fleet.Spec.ArgoCD
	if own, found := o.fleet.Spec.OwnHost(); !found || own != host || namespace != a.Namespace {
		return ""
	}
	switch kind {
	case Kind{"argoproj.io", "Application"}:
		if name == a.Name || name == a.Name+fleet.BootstrapEnd {
			return "the app of apps in " + layout.Bootstrap
		}
		return o.ofCluster("the Application of cluster ", name)
	case Kind{"argoproj.io", "AppProject"}:
		generated := slices.ContainsFunc(a.Projects, func(p fleet.Project) bool { return p.Generated && p.Name == name })
		if generated || name == a.Name {
			return "the AppProject in " + layout.Bootstrap
		}
	case Kind{"bitnami.com", sealedSecret}, Kind{"", "Secret"}:
		if of, ok := strings.CutPrefix(name, "cluster-"); ok {
			return o.ofCluster("the cluster Secret of ", of)
		}
	}
	return ""
}

func (o Own) ofCluster(what, name string) string {
	if _, known := o.fleet.Cluster(name); known {
		return what + name
	}
	return ""
}

// made refuses an object that the fleet makes by itself, whatever the spec allows.
func (c *checker) made(o Object, kind Kind, namespace, object string) {
	if what := c.Own.makes(c.Cluster.Name, c.Cluster.Spec.Host, kind, namespace, object); what != "" {
		c.add(o, RuleTwice, fmt.Sprintf("%s is %s, which kasou makes: their Applications would undo each other's", name(o, kind), what),
			"Leave it out, or give it a name of its own.")
	}
}

// keyOf returns the key of an object on a host, and splitKey what it was made of.
func keyOf(host string, kind Kind, namespace, name string) string {
	return strings.Join([]string{host, kind.String(), namespace, name}, "\x00")
}

func splitKey(key string) (host string, kind Kind, namespace, name string) {
	if parts := strings.Split(key, "\x00"); len(parts) == 4 {
		return parts[0], ParseKind(parts[1]), parts[2], parts[3]
	}
	return "", Kind{}, "", ""
}
