package policy

import (
	"slices"
	"strings"

	"kasou/pipelines/manifest"
)

// The annotations by which an object tells Argo CD how to sync it. Argo CD takes a
// Helm hook for one of its own.
const (
	syncOptions = "argocd.argoproj.io/sync-options"
	argoHook    = "argocd.argoproj.io/hook"
	helmHook    = "helm.sh/hook"
)

// keptOptions are the sync options that take a guard of the Application away from
// one object, or have it deleted and made anew (docs/user-guide/sync-options.md of
// Argo CD 3.5). A Job can do with them.
var keptOptions = []string{"Prune=true", "Delete=true", "Replace=true", "Force=true"}

// waits is the option with which a removal holds up the whole sync.
const waits = "Prune=confirm"

// keptKinds are the kinds of which an object that is deleted takes data, a name that
// is dialled, or running pods along. Argo CD deletes a hook before each sync
// (BeforeHookCreation is its default).
var keptKinds = []string{"DaemonSet", "Deployment", "PersistentVolumeClaim", "ReplicaSet", "Service", "StatefulSet"}

// openKinds are those that stay open, or go unanswered, while Argo CD deletes one and makes
// it anew, or for good where the hook is of another phase than a sync.
var openKinds = []string{"Ingress", "LimitRange", "NetworkPolicy", "PodDisruptionBudget", "ResourceQuota"}

// phases are the hooks that Argo CD runs, its own and Helm's (NewHookType and NewType of its
// sync engine, controller/hook.go of Argo CD 3.5).
var phases = map[string][]string{
	argoHook: {"PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete"},
	helmHook: {"pre-install", "pre-upgrade", "post-install", "post-upgrade", "pre-delete", "post-delete"},
}

// told returns what an object's annotations have Argo CD do that is not for it to
// say; empty where there is nothing.
func told(fields map[string]any, kind Kind) string {
	kept := slices.Contains(keptKinds, kind.Kind)
	for _, option := range words(fields, syncOptions) {
		if option == waits || kept && slices.Contains(keptOptions, option) {
			return "has the sync option " + option + ", which is not for an object to say: it goes before the Application's own"
		}
	}
	switch hook, runs := hookOf(fields); {
	case slices.Contains(words(fields, argoHook), "Skip"):
		return "has the annotation " + argoHook + ": Skip: Argo CD would not deploy it"
	case hook && (kept || slices.Contains(openKinds, kind.Kind)):
		return "is a hook: Argo CD would delete it and make it anew at each sync"
	case hook && !runs && kind.Kind != "Job" && kind.Kind != "Pod": // as Helm's tests are
		return "is a hook of no phase that Argo CD has: Argo CD would not deploy it"
	}
	return ""
}

// hookOf reports whether Argo CD takes an object for a hook, and whether for one that it ever
// runs. That the annotation is there is enough, whatever it says; crd-install alone is none
// (IsHook of its sync engine).
func hookOf(fields map[string]any) (hook, runs bool) {
	_, argo := manifest.At(fields, "metadata", "annotations", argoHook).(string)
	text, helm := manifest.At(fields, "metadata", "annotations", helmHook).(string)
	for annotation, known := range phases {
		runs = runs || slices.ContainsFunc(words(fields, annotation), func(word string) bool { return slices.Contains(known, word) })
	}
	return argo || helm && text != "crd-install", runs
}

// words returns the parts of an annotation, which commas stand between.
func words(fields map[string]any, annotation string) []string {
	text := manifest.Text(fields, "metadata", "annotations", annotation)
	if text == "" {
		return nil
	}
	parts := strings.Split(text, ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}
