package vcluster

import (
	"fmt"

	"kasou/pipelines/finding"
)

// opening is a value that, where it is set, opens a way between the virtual cluster and
// its host.
type opening struct {
	span   span
	keys   []string
	effect string
}

// openings are read in values.yaml and in templates/clusterrole.yaml, role.yaml and
// statefulset.yaml of the tagged releases of loft-sh/vcluster.
var openings = []opening{
	{span{"0.20.0", ""}, []string{"sync", "toHost", "customResources"}, "the host's controllers act on what is made inside, with the host's own rights"},
	{span{"0.20.0", ""}, []string{"sync", "toHost", "persistentVolumes", "enabled"}, "a volume made inside can name any path of a node"},
	{span{"0.20.0", ""}, []string{"sync", "toHost", "storageClasses", "enabled"}, "what is made inside stands for all on the host"},
	{span{"0.20.0", ""}, []string{"sync", "toHost", "priorityClasses", "enabled"}, "pods from inside can evict those of others"},
	{span{"0.20.0", ""}, []string{"sync", "fromHost", "nodes", "enabled"}, "the host's nodes, with their names, addresses and labels, are seen inside"},
	{span{"0.20.0", ""}, []string{"sync", "fromHost", "secrets", "enabled"}, "Secrets of the host are readable inside"},
	{span{"0.20.0", ""}, []string{"controlPlane", "hostPathMapper", "enabled"}, "a pod with the node's own folders runs on every node"},
	{span{"0.20.0", ""}, []string{"rbac", "clusterRole", "extraRules"}, "the vcluster has these rights on the whole host"},
	{span{"0.20.0", ""}, []string{"rbac", "clusterRole", "overwriteRules"}, "the vcluster has these rights on the whole host"},
	{span{"0.20.0", ""}, []string{"experimental", "multiNamespaceMode", "enabled"}, "its pods are in namespaces whose limits, quotas and Pod Security are not the cluster's"},
	{span{"0.5.0", "0.20.0"}, []string{"multiNamespaceMode", "enabled"}, "its pods are in namespaces whose limits, quotas and Pod Security are not the cluster's"},
	{span{"0.5.0", "0.20.0"}, []string{"sync", "persistentvolumes", "enabled"}, "a volume made inside can name any path of a node"},
	{span{"0.5.0", "0.20.0"}, []string{"sync", "nodes", "enabled"}, "the host's nodes, with their names, addresses and labels, are seen inside"},
	{span{"0.5.0", "0.20.0"}, []string{"rbac", "clusterRole", "extraRules"}, "the vcluster has these rights on the whole host"},
	{span{"0.4.0", "0.20.0"}, []string{"rbac", "clusterRole", "create"}, "the vcluster has rights on the whole host"},
	{span{"0.5.0", "0.20.0"}, []string{"sync", "hoststorageclasses", "enabled"}, "the host's storage classes are seen inside"},
}

// checkIsolation finds values of the person that open a way to the host.
func checkIsolation(p *plan) {
	if _, known := lines[p.chartName]; !known || p.version == nil {
		return
	}
	for _, o := range openings {
		if !o.span.holds(p.version) || !truthy(lookup(p.user, o.keys...)) {
			continue
		}
		place := p.userPath(o.keys)
		p.say(finding.Note, RuleIsolation, place, fmt.Sprintf("%s opens the isolation: %s", dotted(place), o.effect),
			"If that is meant, silence the rule for this cluster in fleet.yaml, with the reason.")
	}
}
