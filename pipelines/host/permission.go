package host

import (
	"fmt"
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
	// URL is set instead for what is no resource.
	URL string
}

// Rule gives the RBAC rule to add, as YAML for the rules of a Role.
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

// Kind says what kind of role holds the rule, and where.
func (p Permission) Kind() string {
	if p.Namespace == "" {
		return "a ClusterRole"
	}
	return "a Role in namespace " + p.Namespace
}

// String gives the permission in words: get secrets vc-dev in namespace dev.
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

func listServiceCIDRs() Permission {
	return Permission{Verb: "list", Group: "networking.k8s.io", Resource: "servicecidrs"}
}

func createServices(namespace string) Permission {
	return Permission{Verb: "create", Resource: "services", Namespace: namespace}
}

func getSecret(namespace, name string) Permission {
	return Permission{Verb: "get", Resource: "secrets", Names: []string{name}, Namespace: namespace}
}

// getNamespace can stand in a Role of that namespace: RBAC counts a Namespace
// as an object in itself.
func getNamespace(name string) Permission {
	return Permission{Verb: "get", Resource: "namespaces", Names: []string{name}, Namespace: name}
}

func createExec(namespace, pod string) Permission {
	return Permission{Verb: "create", Resource: "pods/exec", Names: []string{pod}, Namespace: namespace}
}

func proxyService(namespace, name string) Permission {
	return Permission{Verb: "get", Resource: "services/proxy", Names: proxyNames(name), Namespace: namespace}
}
