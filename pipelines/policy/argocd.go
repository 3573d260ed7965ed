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

// told returns what an object's annotations have Argo CD do that is not for it to
// say; empty where there is nothing.
func told(fields map[string]any, kind Kind) string {
	kept := slices.Contains(keptKinds, kind.Kind)
	for _, option := range words(fields, syncOptions) {
		if option == waits || kept && slices.Contains(keptOptions, option) {
			return "has the sync option " + option + ", which is not for an object to say: it goes before the Application's own"
		}
	}
	argo, helm := words(fields, argoHook), words(fields, helmHook)
	switch {
	case slices.Contains(argo, "Skip"):
		return "has the annotation " + argoHook + ": Skip: Argo CD would not deploy it"
	case len(argo)+len(helm) > 0 && kept:
		return "is a hook: Argo CD would delete it and make it anew at each sync"
	}
	return ""
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
