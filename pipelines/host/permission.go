package host

import (
	"fmt"
	"net/url"
	"strings"
)

// Permission is one thing that kasou must be allowed on the host. docs/rbac.md
// has all of them as Roles, and a test holds the two together.
type Permission struct {
	Verb, Group string
	// Resource with its subresource: pods/exec.
	Resource string
	// Names are the only objects that it is needed for; empty means that RBAC
	// cannot bound it by name.
	Names []string
	// Namespace is empty for what has none.
	Namespace string
	// URL is set instead for what is not a resource.
	URL string
}

// Rule returns the RBAC rule to add, as YAML for the rules of a Role.
func (p Permission) Rule() string {
	if p.URL != "" {
		return fmt.Sprintf("- nonResourceURLs: [%q]\n  verbs: [%q]\n", p.URL, p.Verb)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "- apiGroups: [%q]\n  resources: [%q]\n", p.Group, p.Resource)
	if len(p.Names) > 0 {
		fmt.Fprintf(&b, "  resourceNames: [\"%s\"]\n", strings.Join(p.Names, `", "`))
	}
	fmt.Fprintf(&b, "  verbs: [%q]\n", p.Verb)
	return b.String()
}

// Kind returns what kind of role holds the rule, and where.
func (p Permission) Kind() string {
	if p.Namespace == "" {
		return "a ClusterRole"
	}
	return "a Role in namespace " + p.Namespace
}

// String returns the permission in words: get secrets vc-dev in namespace dev.
func (p Permission) String() string {
	if p.URL != "" {
		return p.Verb + " " + p.URL
	}
	words := []string{p.Verb, p.Resource}
	if p.Group != "" {
		words[1] += "." + p.Group
	}
	if len(p.Names) > 0 {
		words = append(words, p.Names[0])
	}
	if p.Namespace != "" {
		words = append(words, "in namespace", p.Namespace)
	}
	return strings.Join(words, " ")
}

func getSecret(namespace, name string) Permission {
	return Permission{Verb: "get", Resource: "secrets", Names: []string{name}, Namespace: namespace}
}

func createExec(namespace, pod string) Permission {
	return Permission{Verb: "create", Resource: "pods/exec", Names: []string{pod}, Namespace: namespace}
}

func proxyService(namespace string, names ...string) Permission {
	return Permission{Verb: "get", Resource: "services/proxy", Names: names, Namespace: namespace}
}

// path returns the path of what is permitted in a version of its API group; with several
// names, of the first.
func (p Permission) path(version string) string {
	if p.URL != "" {
		return p.URL
	}
	parts := []string{"apis", p.Group, version}
	if p.Group == "" {
		parts = []string{"api", version}
	}
	if p.Namespace != "" && p.Resource != "namespaces" {
		parts = append(parts, "namespaces", p.Namespace)
	}
	resource, below, _ := strings.Cut(p.Resource, "/")
	parts = append(parts, resource)
	if len(p.Names) > 0 {
		parts = append(parts, p.Names[0])
	}
	if below != "" {
		parts = append(parts, below)
	}
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
		if part == "." || part == ".." { // else client-go would take it for a folder
			parts[i] = strings.ReplaceAll(part, ".", "%2E")
		}
	}
	return "/" + strings.Join(parts, "/")
}
