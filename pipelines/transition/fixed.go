package transition

import (
	"cmp"

	"kasou/pipelines/manifest"
)

// birthValue is a value that a vcluster takes at its first start: what it made under one
// it does not find again under another.
type birthValue struct {
	// name by which spec.accept names the change.
	name string
	// of returns it in words; never empty.
	of func(Side) string
	// private: it is of private nodes, and says nothing where a cluster gets or loses them.
	private bool
	// message says what a change does, and hint what to do instead.
	message, hint string
}

// birthValues are held to vcluster's own rules, which its command line applies alone:
// under Argo CD nobody asks it (config.ValidateNamespaceSyncChanges and ValidateVPNChanges
// of 0.30 and 0.36.1, called from pkg/cli/create_helm.go). The translators of names are
// chosen by these values at each start (pkg/setup/config.InitClients).
var birthValues = []birthValue{
	{"namespace-sync", namespaceSync, false,
		"what the vcluster syncs goes to other namespaces under other names: everything is made there anew, what runs now is left, and vcluster's own command line refuses the change",
		"Make a new cluster, and move what is in it."},
	{"workload-namespace", workloadNamespace, false,
		"what the vcluster syncs goes to another namespace: everything is made there anew, and what runs now is left",
		"Make a new cluster, and move what is in it."},
	{"private-nodes", func(s Side) string { return enabled(s.on("privateNodes", "enabled")) }, false,
		"the nodes of the cluster become others: what runs on the ones before is left, and its volumes with it",
		"Make a new cluster, and move what is in it."},
	{"vpn", vpn, true,
		"the network between the control plane and its private nodes becomes another: vcluster's own command line refuses the change",
		"Leave it as it is, or make a new cluster."},
	{"pod-cidr", podCIDR, true,
		"the pod range of private nodes does not change: the nodes keep the parts that they were given",
		"Leave the range as it is, or make a new cluster."},
}

// birthChanges returns the refusal of each value that a cluster which runs cannot change.
func birthChanges(before, after Side) []Change {
	if before.Values == nil || after.Values == nil {
		return nil
	}
	var all []Change
	for _, v := range birthValues {
		from, to := v.of(before), v.of(after)
		comesOrGoes := before.on("privateNodes", "enabled") != after.on("privateNodes", "enabled")
		if from != to && (!v.private || !comesOrGoes) {
			all = append(all, Change{Effect: RefusedByVCluster, Name: v.name, From: from, To: to, About: ByValues,
				Message: v.message, Hint: v.hint})
		}
	}
	return all
}

func enabled(on bool) string {
	if on {
		return "enabled"
	}
	return "disabled"
}

// namespaceSync returns how namespaces of the host stand for those of the cluster: by a
// mode up to 0.25, and from 0.26 on by mappings.
func namespaceSync(s Side) string {
	if s.on("multiNamespaceMode", "enabled") || s.on("experimental", "multiNamespaceMode", "enabled") {
		return "multi-namespace"
	}
	if !s.on("sync", "toHost", "namespaces", "enabled") {
		return "disabled"
	}
	text := "enabled"
	if s.on("sync", "toHost", "namespaces", "mappingsOnly") {
		text += ", mappings only"
	}
	if names := manifest.At(s.Values, "sync", "toHost", "namespaces", "mappings", "byName"); !empty(names) {
		text += ", by name " + short(names)
	}
	if patches := manifest.At(s.Values, "sync", "toHost", "namespaces", "patches"); !empty(patches) {
		text += ", patches " + short(patches)
	}
	return text
}

// empty reports whether a value says nothing: charts have {} and [] for what is not set.
func empty(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// workloadNamespace returns where the pods of the cluster run: by an argument of the
// syncer up to 0.19, and by values until 0.29, where 0.29 took them away.
func workloadNamespace(s Side) string {
	own := "the cluster's own"
	if s.on("experimental", "isolatedControlPlane", "enabled") {
		return cmp.Or(manifest.Text(s.Values, "experimental", "isolatedControlPlane", "namespace"), own) + " of an isolated control plane"
	}
	return cmp.Or(manifest.Text(s.Values, "experimental", "syncSettings", "targetNamespace"),
		argument(s.Values, "--target-namespace", "syncer", "extraArgs"), own)
}

// vpn returns which of the two networks of private nodes are in use.
func vpn(s Side) string {
	if !s.on("privateNodes", "enabled") || !s.on("privateNodes", "vpn", "enabled") {
		return "disabled"
	}
	return "enabled, node to node " + enabled(s.on("privateNodes", "vpn", "nodeToNode", "enabled"))
}

// podCIDR returns the range that the pods on private nodes are given; others have the
// host's.
func podCIDR(s Side) string {
	if !s.on("privateNodes", "enabled") {
		return "the host's"
	}
	return cmp.Or(manifest.Text(s.Values, "networking", "podCIDR"), "default")
}
