// Package policy says which objects a chart, and a person's own manifests, may
// bring to the host cluster: those of the cluster's own namespace, and no more
// than that without a word in its spec.
package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// Request is what one cluster would have Argo CD deploy.
type Request struct {
	Cluster fleet.Cluster
	// ClusterScoped are the kinds without a namespace that the chart may render.
	ClusterScoped []Kind
	Scopes        Scopes
	// Objects are all but kasou's own.
	Objects []Object
}

// Result is what became of a Request.
type Result struct {
	// ClusterScoped are the kinds without a namespace among the objects, sorted.
	ClusterScoped []Kind
	// Findings name file and line of each breach.
	Findings finding.List
}

// Check holds every object to the policy.
func Check(r Request) Result {
	c := &checker{Request: r, used: make([]bool, len(r.Cluster.Spec.Allow))}
	for _, o := range r.Objects {
		c.object(o)
	}
	c.podSecurity()
	for i, used := range c.used {
		if !used {
			c.findings = append(c.findings, r.Cluster.Finding(finding.Warning, RuleUnusedAllow, []string{"spec", "allow", strconv.Itoa(i)},
				"allows an object that neither the chart nor an extra brings", "remove the entry"))
		}
	}
	slices.SortFunc(c.kinds, func(a, b Kind) int { return cmp.Compare(a.String(), b.String()) })
	c.findings.Sort()
	return Result{ClusterScoped: slices.Compact(c.kinds), Findings: c.findings}
}

type checker struct {
	Request
	used     []bool
	kinds    []Kind
	findings finding.List
}

func (c *checker) object(o Object) {
	kind := KindOf(o.Fields)
	if c.argoCD(o, kind) {
		return
	}
	cluster, known := c.Scopes.scopeOf(kind)
	namespace := manifest.Text(o.Fields, "metadata", "namespace")
	if cluster {
		c.kinds = append(c.kinds, kind)
		namespace = ""
	}
	allowed := c.allowed(kind, namespace, manifest.Text(o.Fields, "metadata", "name"))
	switch own := c.Cluster.Spec.Namespace; {
	case allowed:
		if !known {
			// Whoever allows it may mean either.
			c.kinds = append(c.kinds, kind)
		}
	case !known:
		c.add(o, RuleUnknownScope, fmt.Sprintf("%s has an unknown scope: kasou does not know whether a %s has a namespace", name(o, kind), kind),
			"name its CustomResourceDefinition in spec.schemas of fleet.yaml, or "+c.word(kind, namespace))
	case cluster && (o.Extra || !slices.Contains(c.ClusterScoped, kind)):
		c.add(o, RuleClusterScoped, fmt.Sprintf("%s has no namespace: it would concern the whole host cluster", name(o, kind)),
			"leave it out; if it is meant, "+c.word(kind, ""))
	case !cluster && namespace != "" && namespace != own:
		c.add(o, RuleNamespace, fmt.Sprintf("%s is of the namespace %q, and the cluster's own is %q", name(o, kind), namespace, own),
			"leave it out; if it is meant, "+c.word(kind, namespace))
	default:
		c.binding(o, kind)
	}
}

// sealedSecret is the kind whose template becomes a Secret.
const sealedSecret = "SealedSecret"

// secretType is the label by which Argo CD takes a Secret for one of its own.
const secretType = "argocd.argoproj.io/secret-type"

// argoCD refuses what Argo CD would take for its own configuration. A Secret of
// a cluster or a repository is refused whatever the spec says: one with an
// execProviderConfig runs a command in Argo CD.
func (c *checker) argoCD(o Object, kind Kind) (refused bool) {
	labels := []string{"metadata", "labels", secretType}
	if kind.Kind == sealedSecret {
		labels = append([]string{"spec", "template"}, labels...)
	}
	if has(o.Fields, labels...) || has(o.Fields, "metadata", "labels", secretType) {
		c.add(o, RuleArgoCD, name(o, kind)+" has the label "+secretType+": Argo CD would take it for a cluster or a repository of its own",
			"leave it out by the chart's values; kasou register makes the cluster's own Secret")
		return true
	}
	if kind.Group == "argoproj.io" && !c.allowed(kind, manifest.Text(o.Fields, "metadata", "namespace"), manifest.Text(o.Fields, "metadata", "name")) {
		c.add(o, RuleArgoCD, name(o, kind)+" tells Argo CD what to deploy",
			"put it where your other Applications are; if it is meant, "+c.word(kind, manifest.Text(o.Fields, "metadata", "namespace")))
		return true
	}
	return false
}

// binding wants a role that is the cluster's own, and subjects of its own
// namespace: nothing that a chart brings may hand the host to it.
func (c *checker) binding(o Object, kind Kind) {
	if kind.Group != "rbac.authorization.k8s.io" || kind.Kind != "ClusterRoleBinding" && kind.Kind != "RoleBinding" {
		return
	}
	role := Kind{Group: kind.Group, Kind: manifest.Text(o.Fields, "roleRef", "kind")}
	wanted := manifest.Text(o.Fields, "roleRef", "name")
	if !slices.ContainsFunc(c.Objects, func(other Object) bool {
		return KindOf(other.Fields) == role && manifest.Text(other.Fields, "metadata", "name") == wanted
	}) {
		c.add(o, RuleBinding, fmt.Sprintf("%s binds the %s %q, which is not among the cluster's own objects", name(o, kind), role.Kind, wanted),
			"bind a role that stands beside it; if it is meant, "+c.word(kind, ""))
	}
	subjects, _, _ := unstructured.NestedSlice(o.Fields, "subjects")
	for _, s := range subjects {
		subject, _ := s.(map[string]any)
		namespace := cmp.Or(manifest.Text(subject, "namespace"), c.Cluster.Spec.Namespace)
		if manifest.Text(subject, "kind") == "ServiceAccount" && namespace == c.Cluster.Spec.Namespace {
			continue
		}
		c.add(o, RuleBinding, fmt.Sprintf("%s gives a role to %s %q, which is not a ServiceAccount of the cluster's namespace",
			name(o, kind), manifest.Text(subject, "kind"), manifest.Text(subject, "name")), "give it to the cluster's own; if it is meant, "+c.word(kind, ""))
	}
}

// allowed reports whether the spec has a word for the object.
func (c *checker) allowed(kind Kind, namespace, name string) bool {
	ok := false
	for i, a := range c.Cluster.Spec.Allow {
		sameNamespace := a.Namespace == namespace || a.Namespace == "" && namespace == c.Cluster.Spec.Namespace
		if a.Group == kind.Group && a.Kind == kind.Kind && sameNamespace && (a.Name == "" || a.Name == name) {
			ok, c.used[i] = true, true
		}
	}
	return ok
}

// word returns what to write into the spec.
func (c *checker) word(kind Kind, namespace string) string {
	parts := []string{"kind: " + kind.Kind}
	if kind.Group != "" {
		parts = append([]string{"group: " + kind.Group}, parts...)
	}
	if namespace != "" && namespace != c.Cluster.Spec.Namespace {
		parts = append(parts, "namespace: "+namespace)
	}
	return "write spec.allow: [{" + strings.Join(parts, ", ") + "}]"
}

func (c *checker) add(o Object, rule finding.Rule, message, hint string) {
	by := "the chart's "
	if o.Extra {
		by = "the extra "
	}
	c.findings = append(c.findings, finding.Finding{
		File: o.File, Line: o.Line, Cluster: c.Cluster.Name, Rule: rule, Severity: finding.Error, Message: by + message, Hint: hint,
	})
}

func name(o Object, kind Kind) string {
	return strings.TrimSpace(kind.Kind + " " + manifest.Text(o.Fields, "metadata", "name"))
}

// KindOf returns the kind of an object, as its apiVersion and kind say.
func KindOf(object map[string]any) Kind {
	group, _, found := strings.Cut(manifest.Text(object, "apiVersion"), "/")
	if !found {
		group = ""
	}
	return Kind{Group: group, Kind: manifest.Text(object, "kind")}
}

// has reports whether anything stands at path.
func has(object map[string]any, path ...string) bool {
	return manifest.At(object, path...) != nil
}
