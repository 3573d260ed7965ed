package policy

import (
	"fmt"
	"strings"

	"kasou/pipelines/manifest"
)

// Kind is a kind of object, whatever its version. Group is empty for the core
// group.
type Kind struct{ Group, Kind string }

// String returns GROUP/KIND, or KIND in the core group.
func (k Kind) String() string {
	if k.Group == "" {
		return k.Kind
	}
	return k.Group + "/" + k.Kind
}

// ParseKind reads what String returns.
func ParseKind(text string) Kind {
	group, kind, found := strings.Cut(text, "/")
	if !found {
		return Kind{Kind: text}
	}
	return Kind{Group: group, Kind: kind}
}

// Scopes are the custom resources of which the scope is known: true where their
// objects have no namespace.
type Scopes map[Kind]bool

// scopeOf reports whether objects of the kind have no namespace; it is not known
// for a custom resource that scopes does not have.
func (s Scopes) scopeOf(k Kind) (cluster, known bool) {
	cluster, known = manifest.ClusterScoped(k.Group, k.Kind)
	if said, named := s[k]; named && !cluster {
		return said, true
	}
	return cluster, known
}

// Namespaced reports whether objects of the kind have a namespace, as far as
// that is known.
func (s Scopes) Namespaced(k Kind) bool {
	cluster, known := s.scopeOf(k)
	return known && !cluster
}

// definition refuses a CustomResourceDefinition that says another scope than what is known
// of its kind: the host would have that one, and the objects of the kind were held to the
// other.
func (c *checker) definition(o Object, kind Kind) {
	if kind != (Kind{"apiextensions.k8s.io", "CustomResourceDefinition"}) {
		return
	}
	defines := Kind{manifest.Text(o.Fields, "spec", "group"), manifest.Text(o.Fields, "spec", "names", "kind")}
	scope := manifest.Text(o.Fields, "spec", "scope")
	if cluster, known := c.Scopes.scopeOf(defines); known && cluster != (scope == "Cluster") {
		c.add(o, RuleUnknownScope, fmt.Sprintf("%s says spec.scope: %s of %s, and kasou, or spec.schemas of fleet.yaml, knows the opposite", name(o, kind), scope, defines),
			"Name the same definition in spec.schemas.")
	}
}
