package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// RuleClass: a class that is not there, extends itself, or has what only a spec may say.
const RuleClass finding.Rule = "fleet-class"

// chain returns the names of a class and of those that it extends, the one that is laid
// over all others first. It ends where a class is not there, and before one that it has
// already.
func chain(classes map[string]Class, class string) []string {
	var names []string
	for class != "" && !slices.Contains(names, class) {
		c, known := classes[class]
		if !known {
			break
		}
		names, class = append(names, class), c.Extends
	}
	return names
}

// inherited returns where fleet.yaml may have what a spec has at path, the place that
// counts first: its classes, then the defaults.
func inherited(classes map[string]Class, class string, path []string) [][]string {
	var places [][]string
	for _, name := range chain(classes, class) {
		places = append(places, append([]string{"spec", "classes", name}, path[1:]...))
	}
	return append(places, append([]string{"spec", "defaults"}, path[1:]...))
}

// Inherits returns the parts of fleet.yaml that the cluster's spec is laid over, the one
// that counts first: its classes, then the defaults.
func (c Cluster) Inherits() [][]string {
	return inherited(c.fleet.Spec.Classes, c.Spec.Class, []string{"spec"})
}

// ValueOrigin returns where a chart value at path was written: FILE:LINE, and which part
// of fleet.yaml that is; empty where no person wrote it.
func (c Cluster) ValueOrigin(path []string) string {
	for _, v := range c.Spec.ValuesFrom {
		if slices.Equal(v.Keys(), path) {
			return "valuesFrom: " + v.Source()
		}
	}
	at := append([]string{"spec", "values"}, path...)
	if own := c.document.Unfolded(); own.Has(at...) {
		line, _ := own.At(at...)
		return fmt.Sprintf("%s:%d", c.File, line)
	}
	for _, place := range c.Inherits() {
		inherited := append(slices.Clone(place), at[1:]...)
		if c.fleet.document.Has(inherited...) {
			line, _ := c.fleet.document.At(inherited...)
			part := "the defaults"
			if place[1] == "classes" {
				part = "class " + place[2]
			}
			return fmt.Sprintf("%s:%d, %s", c.fleet.File, line, part)
		}
	}
	return ""
}

// layers returns what a spec is laid over, the lowest first: the defaults, then the
// chain of its class.
func (f *Fleet) layers(shared *source, class string) []map[string]any {
	layers := []map[string]any{object(shared.raw, "spec", "defaults")}
	for _, name := range slices.Backward(chain(f.Spec.Classes, class)) {
		layer := maps.Clone(object(shared.raw, "spec", "classes", name))
		delete(layer, "extends")
		layers = append(layers, layer)
	}
	return layers
}

// classOf returns the class that a spec names, or the one that the defaults do.
func classOf(spec, defaults map[string]any) string {
	if own, named := spec["class"].(string); named {
		return own
	}
	shared, _ := defaults["class"].(string)
	return shared
}

// onlyInASpec are fields that say something of one cluster.
var onlyInASpec = []string{"accept", "retire"}

// checkClasses checks each class by itself.
func checkClasses(shared *source, spec FleetSpec, report reporter) {
	for _, name := range slices.Sorted(maps.Keys(spec.Classes)) {
		at := "spec.classes." + name
		if p := checkLabel(RuleClass, name); p != nil {
			report(at, p)
		}
		c := spec.Classes[name]
		if c.Extends != "" {
			report(at+".extends", checkExtends(spec, name, c.Extends))
		}
		raw := object(shared.raw, "spec", "classes", name)
		for _, field := range onlyInASpec {
			if _, has := raw[field]; has {
				report(at+"."+field, fail(RuleClass, "is of all clusters of a class", "Write "+field+" into the spec of each cluster that is meant."))
			}
		}
		if _, has := raw["class"]; has {
			report(at+".class", fail(RuleClass, "stands in a class", "Write extends, to lay this class over another."))
		}
	}
}

func checkExtends(spec FleetSpec, name, extended string) *problem {
	if _, known := spec.Classes[extended]; !known {
		return noClass(spec, extended)
	}
	seen := []string{name}
	for at := extended; at != ""; at = spec.Classes[at].Extends {
		if slices.Contains(seen, at) {
			return fail(RuleClass, "leads back to "+quoted(at)+": "+strings.Join(append(seen, at), ", "), "Let one of them extend nothing.")
		}
		seen = append(seen, at)
	}
	return nil
}

// noClass is the problem of a class that fleet.yaml does not have.
func noClass(spec FleetSpec, name string) *problem {
	known := slices.Sorted(maps.Keys(spec.Classes))
	hint := "Write spec.classes." + name + " into fleet.yaml, which has no classes."
	if len(known) > 0 {
		hint = "Write one of " + choices(known) + "."
	}
	return fail(RuleClass, quoted(name)+" is not a class of the fleet", hint)
}
