package argocd

import (
	"fmt"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

const (
	managedBy      = "app.kubernetes.io/managed-by"
	compareOptions = "argocd.argoproj.io/compare-options"
)

// namespace returns the Namespace of c. It has no sync wave: Argo CD moves a
// Namespace before the first object that lives in it, PreSync hooks too.
func namespace(c fleet.Cluster) map[string]any {
	return map[string]any{
		"apiVersion": "v1",
		"kind":       "Namespace",
		"metadata": map[string]any{
			"name":        c.Spec.Namespace,
			"labels":      namespaceLabels(c.Spec.PodSecurity),
			"annotations": map[string]any{SyncOptions: namespaceOptions(c)},
		},
	}
}

// namespaceOptions guards the Namespace. A shared one holds other people's
// clusters: no Application may take it away, whatever is confirmed.
func namespaceOptions(c fleet.Cluster) string {
	switch {
	case c.Spec.ShareNamespace:
		return "Delete=false,Prune=false"
	case asksBeforeDeletion(c):
		return "Delete=confirm,Prune=false"
	}
	return "Prune=false"
}

func namespaceLabels(p *fleet.PodSecurity) map[string]any {
	labels := map[string]any{managedBy: "kasou"}
	if p == nil {
		return labels
	}
	for mode, level := range map[string]string{"enforce": p.Enforce, "audit": p.Audit, "warn": p.Warn} {
		if level != "" {
			labels["pod-security.kubernetes.io/"+mode] = level
			labels["pod-security.kubernetes.io/"+mode+"-version"] = "latest"
		}
	}
	return labels
}

// sharersOf returns the clusters, c among them, that declare to share c's
// namespace, sorted by name as the fleet is.
func sharersOf(f *fleet.Fleet, c fleet.Cluster) []fleet.Cluster {
	if !c.Spec.ShareNamespace {
		return nil
	}
	var sharers []fleet.Cluster
	for _, other := range f.Clusters {
		if other.Spec.ShareNamespace && other.Spec.Namespace == c.Spec.Namespace && other.Spec.Host == c.Spec.Host {
			sharers = append(sharers, other)
		}
	}
	return sharers
}

// owns reports whether c writes the Namespace. Were every sharer to write it, each
// Application would claim the same object and undo the others' tracking.
func owns(c fleet.Cluster, sharers []fleet.Cluster) bool {
	return len(sharers) == 0 || sharers[0].Name == c.Name
}

// checkSharers finds sharers that want other Pod Security levels than the
// first, whose Namespace holds for all.
func checkSharers(c fleet.Cluster, sharers []fleet.Cluster) finding.List {
	if owns(c, sharers) || levels(c) == levels(sharers[0]) {
		return nil
	}
	return finding.List{c.Finding(finding.Error, RuleSharedPodSecurity, []string{"spec", "podSecurity"},
		fmt.Sprintf("Pod Security levels %s, but cluster %s, which writes the shared namespace %s, has %s",
			levels(c), sharers[0].Name, c.Spec.Namespace, levels(sharers[0])),
		"Give every cluster that shares a namespace the same podSecurity.")}
}

func levels(c fleet.Cluster) string {
	p := c.Spec.PodSecurity
	if p == nil {
		p = &fleet.PodSecurity{}
	}
	return fmt.Sprintf("(enforce %q, audit %q, warn %q)", p.Enforce, p.Audit, p.Warn)
}
