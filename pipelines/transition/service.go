package transition

import (
	"fmt"
	"slices"

	"kasou/pipelines/manifest"
)

// serviceChanges: a Service whose selector, or the labels of whose pods, change so that it
// has none of them any more. An object that is no longer rendered runs on, and counts.
func serviceChanges(before, after Side) []Change {
	var all []Change
	for _, o := range after.Objects {
		was, there := same(before, o)
		if o.kind() != "Service" || !there {
			continue
		}
		from, to := manifest.At(was, "spec", "selector"), manifest.At(o, "spec", "selector")
		elsewhere := manifest.Text(o, "spec", "type") == "ExternalName"
		if empty(to) && !elsewhere {
			continue // who runs without a selector keeps the endpoints by hand
		}
		running := slices.Concat(after.Objects, notIn(before, after))
		if !selects(was, before.Objects) || selects(o, running) && !elsewhere {
			continue
		}
		c := Change{Effect: Unreachable, Name: "service", From: short(from), To: short(to), About: ByValues,
			Message: fmt.Sprintf("%s has none of the pods any more that it led to: what dials it, such as an Ingress, reaches nothing", o),
			Hint:    "Leave the selector, and the labels of the pods, to the chart."}
		if elsewhere {
			c.To = manifest.Text(o, "spec", "externalName")
			c.Message = fmt.Sprintf("%s leads to %s in place of its pods", o, c.To)
		}
		all = append(all, c)
	}
	return all
}

// notIn returns the objects of before that after does not have.
func notIn(before, after Side) []Object {
	return slices.DeleteFunc(slices.Clone(before.Objects), func(o Object) bool {
		_, there := same(after, o)
		return there
	})
}

// selects reports whether a Service has the pods of one of the objects.
func selects(service Object, objects []Object) bool {
	selector, _ := manifest.At(service, "spec", "selector").(map[string]any)
	return len(selector) > 0 && slices.ContainsFunc(objects, func(o Object) bool {
		labels, _ := manifest.At(o, "spec", "template", "metadata", "labels").(map[string]any)
		for key, value := range selector {
			if other, there := labels[key]; !there || other != value {
				return false
			}
		}
		return true
	})
}
