package manifest

import "slices"

// clusterScoped are Kubernetes' own kinds whose objects have no namespace, by
// their group: `kubectl api-resources --namespaced=false` of 1.28 to 1.34 with
// every alpha and beta API on; and those of the custom resources that kasou itself has
// schemas for, and of Argo's other projects.
var clusterScoped = map[string][]string{
	"":                             {"ComponentStatus", "Namespace", "Node", "PersistentVolume"},
	"admissionregistration.k8s.io": {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"},
	"apiextensions.k8s.io":         {"CustomResourceDefinition"},
	"apiregistration.k8s.io":       {"APIService"},
	"argoproj.io":                  {"ClusterAnalysisTemplate", "ClusterWorkflowTemplate"},
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
	"apps", "autoscaling", "batch", "bitnami.com", "coordination.k8s.io", "discovery.k8s.io",
	"events.k8s.io", "extensions", "externaldns.k8s.io", "monitoring.coreos.com", "policy",
}

// ClusterScoped reports whether objects of a kind have no namespace, and whether that is
// known without the definition of a custom resource. Of a group of which only some kinds are
// known, such as cert-manager.io, the others are taken for namespaced.
func ClusterScoped(group, kind string) (cluster, known bool) {
	if kinds, some := clusterScoped[group]; some {
		return slices.Contains(kinds, kind), true
	}
	return false, slices.Contains(namespacedGroups, group)
}
