package policy

import (
	"slices"
	"strings"
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

// clusterScoped are Kubernetes' own kinds whose objects have no namespace, by
// their group: `kubectl api-resources --namespaced=false` of 1.28 to 1.34 with
// every alpha and beta API on; and those of the custom resources that kasou itself has
// schemas for.
var clusterScoped = map[string][]string{
	"":                             {"ComponentStatus", "Namespace", "Node", "PersistentVolume"},
	"admissionregistration.k8s.io": {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"},
	"apiextensions.k8s.io":         {"CustomResourceDefinition"},
	"apiregistration.k8s.io":       {"APIService"},
	"authentication.k8s.io":        {"SelfSubjectReview", "TokenReview"},
	"authorization.k8s.io":         {"SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"},
	"cert-manager.io":              {"ClusterIssuer"},
	"certificates.k8s.io":          {"CertificateSigningRequest", "ClusterTrustBundle"},
	"flowcontrol.apiserver.k8s.io": {"FlowSchema", "PriorityLevelConfiguration"},
	"gateway.networking.k8s.io":    {"GatewayClass"},
	"internal.apiserver.k8s.io":    {"StorageVersion"},
	"networking.k8s.io":            {"IPAddress", "IngressClass", "ServiceCIDR"},
	"node.k8s.io":                  {"RuntimeClass"},
	"rbac.authorization.k8s.io":    {"ClusterRole", "ClusterRoleBinding"},
	"resource.k8s.io":              {"DeviceClass", "DeviceTaintRule", "ResourceClass", "ResourceSlice"},
	"scheduling.k8s.io":            {"PriorityClass"},
	"storage.k8s.io":               {"CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"},
	"storagemigration.k8s.io":      {"StorageVersionMigration"},
}

// namespacedGroups are Kubernetes' other groups, and those of the custom
// resources that kasou itself has schemas for; all kinds in them have a
// namespace.
var namespacedGroups = []string{
	"apps", "argoproj.io", "autoscaling", "batch", "bitnami.com", "coordination.k8s.io", "discovery.k8s.io",
	"events.k8s.io", "extensions", "externaldns.k8s.io", "monitoring.coreos.com", "policy",
}

// scopeOf reports whether objects of the kind have no namespace; it is not known
// for a custom resource that scopes does not have.
func (s Scopes) scopeOf(k Kind) (cluster, known bool) {
	if kinds, builtin := clusterScoped[k.Group]; builtin {
		return slices.Contains(kinds, k.Kind), true
	}
	if cluster, known = s[k]; known {
		return cluster, true
	}
	return false, slices.Contains(namespacedGroups, k.Group)
}

// Namespaced reports whether objects of the kind have a namespace, as far as
// that is known.
func (s Scopes) Namespaced(k Kind) bool {
	cluster, known := s.scopeOf(k)
	return known && !cluster
}
