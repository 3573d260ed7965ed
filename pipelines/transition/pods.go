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

// mountPaths returns where the containers of now mount a volume claim of was, with the
// folder in it where they mount one: its templates stay on the host, whatever the new
// ones are.
func mountPaths(was, now Object) map[string]bool {
	claims := map[string]bool{}
	templates, _ := manifest.At(was, "spec", "volumeClaimTemplates").([]any)
	for _, t := range templates {
		template, _ := t.(map[string]any)
		claims[manifest.Text(template, "metadata", "name")] = true
	}
	paths := map[string]bool{}
	containers, _ := manifest.At(now, "spec", "template", "spec", "containers").([]any)
	for _, c := range containers {
		container, _ := c.(map[string]any)
		mounts, _ := container["volumeMounts"].([]any)
		for _, m := range mounts {
			mount, _ := m.(map[string]any)
			if claims[manifest.Text(mount, "name")] {
				p := manifest.Text(mount, "mountPath")
				if sub := manifest.Text(mount, "subPath") + manifest.Text(mount, "subPathExpr"); sub != "" {
					p += " (" + sub + ")"
				}
				paths[p] = true
			}
		}
	}
	return paths
}
