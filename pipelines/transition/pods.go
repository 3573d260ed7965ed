package transition

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/manifest"
)

// podChanges returns what the change of a workload does to its pods.
func podChanges(was, now Object) []Change {
	var all []Change
	at := func(o Object, path ...string) any {
		return manifest.At(o, append([]string{"spec", "template"}, path...)...)
	}
	// A hash of the configuration in an annotation says less than what changes beside it.
	path := cmp.Or(firstDifference(at(was, "spec"), at(now, "spec"), "spec.template.spec"), firstDifference(at(was), at(now), "spec.template"))
	if path != "" {
		all = append(all, Change{Effect: Restart, About: ByAny, Message: fmt.Sprintf("the pods of %s restart: %s changes", now, path)})
	}
	return all
}

// claimChanges returns what the change of a StatefulSet does to what its volume claims
// hold.
func claimChanges(was, now Object) []Change {
	var all []Change
	paths := mountPaths(was, now)
	for _, p := range slices.Sorted(maps.Keys(mountPaths(was, was))) {
		if !paths[p] {
			all = append(all, Change{
				Effect: Lost, Name: "volume", From: p, To: strings.Join(slices.Sorted(maps.Keys(paths)), " "), About: ByValues,
				Message: fmt.Sprintf("no container of %s has a volume claim at %s any more: what it writes there goes with its pod, and what was there is not seen", now, p),
				Hint:    "Keep the mount.",
			})
		}
	}
	return all
}

// volumeChanges: a StatefulSet that takes its volumes along when it goes.
func volumeChanges(before, after Side) []Change {
	var all []Change
	for _, o := range after.Objects {
		was, there := same(before, o)
		if !there || o.kind() != "StatefulSet" {
			continue
		}
		for _, when := range []string{"whenDeleted", "whenScaled"} {
			path := []string{"spec", "persistentVolumeClaimRetentionPolicy", when}
			if manifest.Text(o, path...) == "Delete" && manifest.Text(was, path...) != "Delete" {
				all = append(all, Change{Effect: Unguarded, From: "Retain", To: "Delete", About: ByValues,
					Message: fmt.Sprintf("%s: %s becomes Delete: from now on its volumes, and the data in them, are deleted with it", o, "persistentVolumeClaimRetentionPolicy."+when)})
			}
		}
	}
	return all
}

// mountPaths returns where the containers of now mount a volume claim of was, with the
// folder in it where they mount one: its templates stay on the host, whatever the new
// ones are.
func mountPaths(was, now Object) map[string]bool {
	claims := map[string]bool{}
	for _, template := range manifest.Maps(was, "spec", "volumeClaimTemplates") {
		claims[manifest.Text(template, "metadata", "name")] = true
	}
	paths := map[string]bool{}
	for _, container := range manifest.Maps(now, "spec", "template", "spec", "containers") {
		for _, mount := range manifest.Maps(container, "volumeMounts") {
			if !claims[manifest.Text(mount, "name")] {
				continue
			}
			p := manifest.Text(mount, "mountPath")
			if sub := manifest.Text(mount, "subPath") + manifest.Text(mount, "subPathExpr"); sub != "" {
				p += " (" + sub + ")"
			}
			paths[p] = true
		}
	}
	return paths
}
