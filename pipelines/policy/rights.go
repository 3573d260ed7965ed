package policy

import (
	"slices"
	"strings"

	"kasou/pipelines/manifest"
)

const rbacGroup = "rbac.authorization.k8s.io"

// anyVerb are the verbs that lead to every right there is
// (kubernetes.io/docs/concepts/security/rbac-good-practices).
var anyVerb = []string{"*", "bind", "escalate", "impersonate"}

// aggregates begins the labels by which the host adds a ClusterRole's rules to its
// own admin, edit or view.
const aggregates = rbacGroup + "/aggregate-to-"

// rights returns what makes a ClusterRole as good as cluster-admin, or part of a role
// of the host's; empty where nothing does. A right on all Secrets or Pods is not
// among it: charts with several namespaces need them, and vcluster-isolation notes it.
func rights(role map[string]any) string {
	if manifest.At(role, "aggregationRule") != nil {
		return "gathers the rules of other ClusterRoles (aggregationRule)"
	}
	labels, _ := manifest.At(role, "metadata", "labels").(map[string]any)
	for label := range labels {
		if strings.HasPrefix(label, aggregates) {
			return "adds its rules to a role of the host's (label " + label + ")"
		}
	}
	for _, rule := range manifest.Maps(role, "rules") {
		if unbounded := ruleRights(rule); unbounded != "" {
			return "has " + unbounded + " on the whole host"
		}
	}
	return ""
}

// ruleRights returns the unbounded right that one rule gives.
func ruleRights(rule map[string]any) string {
	groups, resources, verbs := manifest.Texts(rule, "apiGroups"), manifest.Texts(rule, "resources"), manifest.Texts(rule, "verbs")
	for _, verb := range verbs {
		if slices.Contains(anyVerb, verb) {
			return "the verb " + verb
		}
	}
	wide := slices.Contains(groups, "*") || slices.Contains(groups, "") || slices.Contains(groups, rbacGroup)
	switch {
	case slices.Contains(groups, "*"):
		return "rights in every API group"
	case wide && slices.Contains(resources, "*"):
		return "rights on every resource"
	case slices.Contains(resources, "serviceaccounts/token") && slices.Contains(verbs, "create"):
		return "the right to be any ServiceAccount (create serviceaccounts/token)"
	}
	return ""
}

// carries reports whether an object's name has the cluster's in it as a part of its
// own, between hyphens, dots or colons: an object without a namespace that does not
// could be the host's, or another cluster's.
func carries(name, cluster string) bool {
	const ends = "-.:"
	for rest, from := name, 0; ; {
		i := strings.Index(rest[from:], cluster)
		if i < 0 {
			return false
		}
		i += from
		after := i + len(cluster)
		if (i == 0 || strings.ContainsRune(ends, rune(rest[i-1]))) && (after == len(rest) || strings.ContainsRune(ends, rune(rest[after]))) {
			return true
		}
		from = i + 1
	}
}
