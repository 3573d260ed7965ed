package live

import "k8s.io/apimachinery/pkg/runtime/schema"

// Kinds are those of which an Application's leftovers are looked for, besides
// the kinds in git today: what vcluster's charts of any version render, and
// kasou itself. Secrets are not among them, as kasou seals each; to list them
// would be the right to read all of the host's.
func Kinds() []schema.GroupVersionKind {
	var all []schema.GroupVersionKind
	for _, group := range []struct {
		group, version string
		kinds          []string
	}{
		{"", "v1", []string{"ConfigMap", "LimitRange", "Namespace", "ResourceQuota", "Service", "ServiceAccount"}},
		{"apps", "v1", []string{"Deployment", "StatefulSet"}},
		{"bitnami.com", "v1alpha1", []string{"SealedSecret"}},
		{"networking.k8s.io", "v1", []string{"Ingress", "NetworkPolicy"}},
		{"policy", "v1", []string{"PodDisruptionBudget"}},
		{"rbac.authorization.k8s.io", "v1", []string{"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}},
	} {
		for _, kind := range group.kinds {
			all = append(all, schema.GroupVersionKind{Group: group.group, Version: group.version, Kind: kind})
		}
	}
	return all
}
