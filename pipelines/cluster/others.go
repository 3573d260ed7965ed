package cluster

import (
	"slices"
	"strings"

	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/policy"
	"kasou/pipelines/tree"
	"kasou/pipelines/workspace"
)

// claimOthers enters what the clusters bring that a check of some leaves to others, such as
// to another shard, as it stands on disk: that is what Argo CD would deploy, whoever checks
// it. Only those count whose specs let objects out of a namespace of their own, or whose
// names can be taken apart in two ways.
func claimOthers(b *Builder) {
	if !b.OnlyLooks {
		return
	}
	for _, c := range b.Fleet.Clusters {
		if own(b.Workspace, c.Name) || len(c.Spec.Allow) == 0 && !c.Spec.ShareNamespace && !b.own.Visited(c) && !ambiguous(c) {
			continue
		}
		files, err := tree.Deployed(b.Disk, c.Name)
		if err != nil {
			continue // whoever checks the cluster says what stands in the way
		}
		objects, err := policy.Objects(claiming(c, manifest.ParseAll(manifest.Other, files), b.Paths(c.Name).Manifest()))
		if err != nil {
			continue // as above
		}
		b.Claim(c.Name, policy.Check(policy.Request{Cluster: c, Scopes: scopesOf(b.Workspace), Own: b.own, Objects: objects}).Outside)
	}
}

// ambiguous reports whether the name that the charts give to a ClusterRole,
// vc-NAME-v-NAMESPACE, could be that of another cluster, too.
func ambiguous(c fleet.Cluster) bool {
	return strings.Contains(c.Name+"-", "-v-") || strings.Contains("-"+c.Spec.Namespace, "-v-")
}

// claiming returns the documents below folder but the cluster's own Namespace.
func claiming(c fleet.Cluster, files manifest.Set, folder string) []manifest.Document {
	var all []manifest.Document
	for _, d := range files.Documents() {
		if strings.HasPrefix(d.File, folder+"/") && (d.Head.Kind != "Namespace" || d.Head.Name != c.Spec.Namespace) {
			all = append(all, d)
		}
	}
	return all
}

// own reports whether the run is about a cluster, and not about others alone.
func own(w *workspace.Workspace, cluster string) bool {
	_, found := slices.BinarySearchFunc(w.Clusters, cluster, func(c fleet.Cluster, name string) int { return strings.Compare(c.Name, name) })
	return found
}

// scopesOf returns what the fleet's definitions say of their kinds.
func scopesOf(w *workspace.Workspace) policy.Scopes {
	scopes := policy.Scopes{}
	for _, s := range w.Schemas.Scopes() {
		scopes[policy.Kind{Group: s.Group, Kind: s.Kind}] = s.Cluster
	}
	return scopes
}
