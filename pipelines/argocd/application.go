package argocd

import (
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
)

// resourcesFinalizer makes Argo CD delete what an Application deployed when the
// Application goes.
const resourcesFinalizer = "resources-finalizer.argocd.argoproj.io"

// serverSideDiff is what an Application says of how its objects are compared. It
// stands in the annotation in which the app of apps reads how the Application
// itself is.
const serverSideDiff = "ServerSideDiff=true"

// application returns the Application that deploys c's manifests folder to its
// host.
func application(f *fleet.Fleet, c fleet.Cluster) map[string]any {
	// Up to Argo CD 3.5 ServerSideApply=true alone would compare by a structured
	// merge of its own, and not by what the API server answers.
	annotations := map[string]any{compareOptions: serverSideDiff}
	metadata := map[string]any{
		"name":        c.Name,
		"namespace":   f.Spec.ArgoCD.Namespace,
		"labels":      map[string]any{managedBy: "kasou"},
		"annotations": annotations,
	}
	if cascades(c) {
		metadata["finalizers"] = []any{resourcesFinalizer}
	}
	for name, value := range guards(c) {
		if name == compareOptions {
			value += "," + serverSideDiff
		}
		annotations[name] = value
	}
	destination := f.Spec.DestinationOf(c.Spec.Host).Fields()
	destination["namespace"] = c.Spec.Namespace
	return map[string]any{
		"apiVersion": "argoproj.io/v1alpha1",
		"kind":       "Application",
		"metadata":   metadata,
		"spec": map[string]any{
			"project":           c.Spec.ArgoCD.Project,
			"source":            source(f, c),
			"destination":       destination,
			"syncPolicy":        syncPolicy(c),
			"ignoreDifferences": ignoreDifferences(),
		},
	}
}

func source(f *fleet.Fleet, c fleet.Cluster) map[string]any {
	return map[string]any{
		"repoURL":        f.Spec.Repository.URL,
		"targetRevision": f.Spec.Repository.Revision,
		"path":           layout.Of(f.Spec.Repository.Path, c.Name).Manifest(),
		// The rendered manifests stand in folders below.
		"directory": map[string]any{"recurse": true},
	}
}

// syncPolicy leaves allowEmpty out: a manifests folder that turns up empty must
// not empty the cluster.
func syncPolicy(c fleet.Cluster) map[string]any {
	policy := map[string]any{
		"syncOptions": applicationOptions(c),
		"retry":       retry(),
	}
	if c.Spec.ArgoCD.Automated == nil || *c.Spec.ArgoCD.Automated {
		policy["automated"] = map[string]any{"prune": true, "selfHeal": true}
	}
	return policy
}

func retry() map[string]any {
	return map[string]any{"limit": 5, "backoff": map[string]any{"duration": "5s", "factor": 2, "maxDuration": "3m"}}
}

// guards returns the annotations that keep the app of apps from pruning an
// object of c in root/, or nil once c retires. Prune=false leaves the sync
// successful, where Prune=confirm would hold up the whole fleet's until somebody
// confirms; a guarded object that git does not have any more does not make the
// app of apps OutOfSync, and is not synced again and again.
func guards(c fleet.Cluster) map[string]string {
	if c.Spec.Retire {
		return nil
	}
	return map[string]string{SyncOptions: DeleteGuard + "," + PruneGuard, compareOptions: "IgnoreExtraneous"}
}

// applicationOptions guards the rendered objects, StatefulSet and PVC among
// them, whose bytes stay Helm's. Argo CD's UI and CLI offer to delete any
// Application with cascade: that asks, until a cascade was asked for in git.
func applicationOptions(c fleet.Cluster) []any {
	var options []any
	if c.Spec.ShareNamespace {
		// The cluster that writes the shared Namespace may sync later than this
		// one. Argo CD never prunes a namespace that it created this way.
		options = append(options, "CreateNamespace=true")
	}
	if asksBeforeDeletion(c) {
		options = append(options, "Delete=confirm")
	}
	// Without ServerSideApply a sync merges on the client, with the annotation
	// last-applied-configuration in place of the managed fields.
	return append(options, "Prune=false", "RespectIgnoreDifferences=true", "ServerSideApply=true")
}

// ignoreDifferences passes over what the API server adds to volume claim
// templates, or a StatefulSet is OutOfSync for ever (argo-cd#16707). They are
// immutable, so a sync could change nothing in them. Without
// RespectIgnoreDifferences a sync would still send them.
func ignoreDifferences() []any {
	return []any{map[string]any{
		"group":        "apps",
		"kind":         "StatefulSet",
		"jsonPointers": []any{"/spec/volumeClaimTemplates"},
	}}
}

func cascades(c fleet.Cluster) bool { return c.Spec.ArgoCD.Deletion == "cascade" }

// asksBeforeDeletion reports whether Argo CD asks before it deletes what c's
// Application deployed. With retire and cascade a person has said so in the
// spec: a second question would leave the Application in Deleting.
func asksBeforeDeletion(c fleet.Cluster) bool { return !cascades(c) || !c.Spec.Retire }
