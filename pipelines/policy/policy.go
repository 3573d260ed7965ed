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
	// Endpoints and Own are those of the whole fleet.
	Endpoints Endpoints
	Own       Own
	// Objects are all but kasou's own, and Beside are those, but for the Namespace: nothing
	// is held against them.
	Objects, Beside []Object
}

// Result is what became of a Request.
type Result struct {
	// ClusterScoped are the kinds without a namespace among the objects, sorted.
	ClusterScoped []Kind
	// Outside are the objects that another cluster of the host could bring, too.
	Outside []manifest.Claim
	// Hosts are the DNS names that the objects have routed or published, sorted.
	Hosts []string
	// Findings name file and line of each breach.
	Findings finding.List
}

// Check holds every object to the policy.
func Check(r Request) Result {
	c := &checker{Request: r, used: make([]bool, len(r.Cluster.Spec.Allow))}
	for _, o := range r.Objects {
		c.object(o)
	}
	if r.Own.Visited(r.Cluster) {
		for _, o := range r.Beside {
			c.reaches(o, KindOf(o.Fields), false)
		}
	}
	c.podSecurity()
	for i, used := range c.used {
		if !used {
			c.findings = append(c.findings, r.Cluster.Finding(finding.Warning, RuleUnusedAllow, []string{"spec", "allow", strconv.Itoa(i)},
				"allows an object that neither the chart nor an extra brings", "Remove the entry."))
		}
	}
	slices.SortFunc(c.kinds, func(a, b Kind) int { return cmp.Compare(a.String(), b.String()) })
	c.findings.Sort()
	return Result{ClusterScoped: slices.Compact(c.kinds), Outside: c.outside, Hosts: sortedOnce(c.claims), Findings: c.findings}
}

type checker struct {
	Request
	used     []bool
	kinds    []Kind
	outside  []manifest.Claim
	claims   []string
	findings finding.List
}

func (c *checker) object(o Object) {
	kind := KindOf(o.Fields)
	if c.argoCD(o, kind) {
		return
	}
	c.kubeconfig(o, kind)
	c.definition(o, kind)
	cluster, known := c.Scopes.scopeOf(kind)
	namespace := manifest.Text(o.Fields, "metadata", "namespace")
	if cluster {
		c.kinds = append(c.kinds, kind)
		namespace = ""
	}
	c.reaches(o, kind, cluster)
	allowed := c.allowed(kind, namespace, manifest.Text(o.Fields, "metadata", "name"))
	switch own := c.Cluster.Spec.Namespace; {
	case allowed:
		if !known {
			// Whoever allows it may mean either.
			c.kinds = append(c.kinds, kind)
		}
	case !known:
		c.add(o, RuleUnknownScope, fmt.Sprintf("%s has an unknown scope: kasou does not know whether %s has a namespace", name(o, kind), kind),
			"Name its CustomResourceDefinition in spec.schemas of fleet.yaml, or "+c.word(kind, namespace)+".")
	case cluster && (o.Extra || !slices.Contains(c.ClusterScoped, kind)):
		c.add(o, RuleClusterScoped, fmt.Sprintf("%s has no namespace: it would concern the whole host cluster", name(o, kind)),
			"Leave it out; if it is meant, "+c.word(kind, "")+".")
	case !cluster && namespace != "" && namespace != own:
		c.add(o, RuleNamespace, fmt.Sprintf("%s is of the namespace %q, and the cluster's own is %q", name(o, kind), namespace, own),
			"Leave it out; if it is meant, "+c.word(kind, namespace)+".")
	default:
		if cluster {
			c.hostWide(o, kind)
		}
		c.binding(o, kind)
		c.hosts(o, kind)
	}
}

// hostWide holds an object without a namespace, of a kind that charts need, to what
// is the cluster's own.
func (c *checker) hostWide(o Object, kind Kind) {
	if !carries(manifest.Text(o.Fields, "metadata", "name"), c.Cluster.Name) {
		c.add(o, RuleClusterScoped, name(o, kind)+" does not carry the cluster's name: it could be the host's, or another cluster's",
			"Name it after the cluster; if it is meant, "+c.word(kind, "")+".")
	}
	if kind.Kind != "ClusterRole" {
		return
	}
	if unbounded := rights(o.Fields); unbounded != "" {
		c.add(o, RuleRights, name(o, kind)+" "+unbounded, "Name the groups, resources and verbs that are needed; if it is meant, "+c.word(kind, "")+".")
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
	if manifest.At(o.Fields, labels...) != nil || manifest.At(o.Fields, "metadata", "labels", secretType) != nil {
		c.add(o, RuleArgoCD, name(o, kind)+" has the label "+secretType+": Argo CD would take it for a cluster or a repository of its own",
			"Leave it out by the chart's values; kasou register makes the cluster's own Secret.")
		return true
	}
	namespace := manifest.Text(o.Fields, "metadata", "namespace")
	what := told(o.Fields, kind)
	switch {
	case what == "" && kind.Group != "argoproj.io", c.allowed(kind, namespace, manifest.Text(o.Fields, "metadata", "name")):
		return false
	case what != "":
		c.add(o, RuleArgoCD, name(o, kind)+" "+what, "Take the annotation out; if it is meant, "+c.word(kind, namespace)+".")
	default:
		c.add(o, RuleArgoCD, name(o, kind)+" tells Argo CD what to deploy",
			"Put it where your other Applications are; if it is meant, "+c.word(kind, namespace)+".")
	}
	return true
}

// kubeconfig refuses a Secret in the place of one that vcluster writes: kasou register
// takes the credential that it signs from vc-NAME.
func (c *checker) kubeconfig(o Object, kind Kind) {
	secret := manifest.Text(o.Fields, "metadata", "name")
	elsewhere := o.Extra || cmp.Or(manifest.Text(o.Fields, "metadata", "namespace"), c.Cluster.Spec.Namespace) != c.Cluster.Spec.Namespace
	own := secret == "vc-"+c.Cluster.Name || elsewhere && strings.HasPrefix(secret, "vc-")
	if kind.Kind != "Secret" && kind.Kind != sealedSecret || !own {
		return
	}
	c.add(o, RuleKubeconfig, name(o, kind)+" has the name of a Secret that vcluster writes, from which kasou register takes a credential",
		"Give it another name, and refer to that by the chart's values.")
}

// binding wants a role that is the cluster's own, and subjects of its own
// namespace: nothing that a chart brings may hand the host to it.
func (c *checker) binding(o Object, kind Kind) {
	if kind.Group != rbacGroup || kind.Kind != "ClusterRoleBinding" && kind.Kind != "RoleBinding" {
		return
	}
	role := Kind{Group: kind.Group, Kind: manifest.Text(o.Fields, "roleRef", "kind")}
	wanted := manifest.Text(o.Fields, "roleRef", "name")
	if !slices.ContainsFunc(c.Objects, func(other Object) bool {
		return KindOf(other.Fields) == role && manifest.Text(other.Fields, "metadata", "name") == wanted
	}) {
		c.add(o, RuleBinding, fmt.Sprintf("%s binds the %s %q, which is not among the cluster's own objects", name(o, kind), role.Kind, wanted),
			"Bind a role that stands beside it; if it is meant, "+c.word(kind, "")+".")
	}
	subjects, _, _ := unstructured.NestedSlice(o.Fields, "subjects")
	for _, s := range subjects {
		subject, _ := s.(map[string]any)
		namespace := cmp.Or(manifest.Text(subject, "namespace"), c.Cluster.Spec.Namespace)
		if manifest.Text(subject, "kind") == "ServiceAccount" && namespace == c.Cluster.Spec.Namespace {
			continue
		}
		c.add(o, RuleBinding, fmt.Sprintf("%s gives a role to %s %q, which is not a ServiceAccount of the cluster's namespace",
			name(o, kind), manifest.Text(subject, "kind"), manifest.Text(subject, "name")), "Give it to the cluster's own; if it is meant, "+c.word(kind, "")+".")
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
