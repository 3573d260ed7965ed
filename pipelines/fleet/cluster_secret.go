package fleet

import (
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// reservedMetadata are the prefixes of what steers Argo CD, Helm, kubectl and
// the Sealed Secrets controller: by an annotation, a Secret can become a hook
// that is deleted after a sync, or be opened in another namespace.
var reservedMetadata = []string{"argocd.argoproj.io/", "helm.sh/", "kubectl.kubernetes.io/", "sealedsecrets.bitnami.com/", "kasou/"}

// Of those, what a spec may set all the same: whether Argo CD labels the
// Secret with the cluster's version, and whether it rests.
var allowedMetadata = []string{"argocd.argoproj.io/auto-label-cluster-info", "argocd.argoproj.io/skip-reconcile"}

// ownLabels are kasou's, or mean to Argo CD that an Application owns the Secret.
var ownLabels = []string{"app.kubernetes.io/managed-by", "app.kubernetes.io/instance"}

// argoCDCluster checks what the spec says of its cluster Secret.
func (k *check) argoCDCluster(projects []string) {
	c := k.cluster.Spec.ArgoCD.Cluster
	if c == nil {
		return
	}
	const at = "spec.argocd.cluster."
	for _, name := range slices.Sorted(maps.Keys(c.Labels)) {
		k.reportKey(at+"labels", name, checkLabelPair(name, c.Labels[name]))
	}
	for _, name := range slices.Sorted(maps.Keys(c.Annotations)) {
		k.reportKey(at+"annotations", name, checkMetadataKey(name))
	}
	if c.Project != "" && !k.shared.isRefused([]string{"spec", "argocd", "projects"}) {
		k.report(at+"project", checkProject(c.Project, projects))
	}
	k.report(at+"namespaces", checkBoundNamespaces(c.Namespaces))
	if c.ClusterResources != nil && len(c.Namespaces) == 0 {
		k.report(at+"clusterResources", warn(RuleClusterNamespaces, "means nothing without namespaces", "Remove it, or bind Argo CD to namespaces."))
	}
}

func checkLabelPair(name, value string) *problem {
	if p := checkMetadataKey(name); p != nil {
		return p
	}
	if slices.Contains(ownLabels, name) {
		return fail(RuleClusterMetadata, "is a label that kasou or Argo CD sets", "Take another name.")
	}
	if len(validation.IsValidLabelValue(value)) > 0 {
		return fail(RuleClusterMetadata, "has the value "+quoted(value)+", which is not that of a label",
			"Use at most 63 letters, digits, hyphens, underscores and dots, with a letter or digit at both ends; anything else can be an annotation.")
	}
	return nil
}

func checkMetadataKey(name string) *problem {
	if len(validation.IsQualifiedName(name)) > 0 {
		return fail(RuleClusterMetadata, "is not the name of a label or annotation", "Write name or example.com/name, of letters, digits, hyphens, underscores and dots.")
	}
	reserved := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	if slices.ContainsFunc(reservedMetadata, reserved) && !slices.Contains(allowedMetadata, name) {
		return fail(RuleClusterMetadata, "is not for a spec to set: it steers what becomes of the object", "Take it out.")
	}
	return nil
}

func checkBoundNamespaces(namespaces []string) *problem {
	for i, namespace := range namespaces {
		switch {
		case len(validation.IsDNS1123Label(namespace)) > 0:
			return fail(RuleClusterNamespaces, "has "+quoted(namespace)+", which is not the name of a namespace", "Name each namespace in full; there are no patterns.")
		case slices.Contains(namespaces[:i], namespace):
			return fail(RuleClusterNamespaces, "has "+quoted(namespace)+" twice", "Leave one of them.")
		}
	}
	return nil
}
