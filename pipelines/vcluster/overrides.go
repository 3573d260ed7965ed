package vcluster

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// checkOverrides compares the effective values with what the fields of the spec
// put there: spec.values may win, but not in silence.
func checkOverrides(p *plan, effective map[string]any) {
	for _, s := range p.values.settings {
		value, place := lookup(effective, s.keys...), p.userPath(s.keys)
		list, _ := value.([]any)
		others := flagValues(list, s.flag)
		switch {
		case !s.inList && reflect.DeepEqual(value, s.value):
		case s.inList && (slices.Contains(list, s.value) || s.flag != "" && slices.Contains(others, s.argument)):
		case !s.inList, len(others) > 0 && s.flag != "--tls-san":
			p.say(finding.Warning, RuleOverride, place,
				fmt.Sprintf("%s overrides %s, which asks for %v", dotted(place), dotted(s.field), s.value),
				"Say it in one place: take it out of spec.values, or change the field.")
		default:
			p.say(finding.Error, RuleDropped, place,
				fmt.Sprintf("%s replaces the whole list and drops %q, which %s needs", dotted(place), s.value, dotted(s.field)),
				fmt.Sprintf("Add this item to the list: - %q", s.value))
		}
	}
}

// checkRemovals finds values that this chart version no longer takes.
func checkRemovals(p *plan) {
	if p.version == nil || p.chartName != "vcluster" {
		return
	}
	for _, r := range removals {
		if !p.has(r.keys) || !(span{from: r.since}).holds(p.version) {
			continue
		}
		place := p.userPath(r.keys)
		p.say(finding.Error, RuleRemovedValue, place,
			fmt.Sprintf("%s: charts from %s on do not take it, and this is %s", dotted(place), strings.TrimSuffix(r.since, ".0"), p.chart), r.hint)
	}
}

// checkDefeats finds values that take the ground from a field.
func checkDefeats(p *plan) {
	for _, d := range defeats {
		if p.version == nil || !slices.Contains(d.charts, p.chartName) || !d.span.holds(p.version) {
			continue
		}
		if !truthy(lookup(p.user, d.keys...)) || !p.values.given(d.field) {
			continue
		}
		place := p.userPath(d.keys)
		p.say(finding.Warning, RuleDefeated, place,
			fmt.Sprintf("%s leaves %s without effect: %s", dotted(place), dotted(d.field), d.effect),
			"Remove the value, or see to the field's purpose in spec.values yourself.")
	}
}

// checkClass finds the old annotation beside the class name: an API server
// refuses to create an Ingress that has both.
func checkClass(p *plan) {
	if _, ok := p.annotations[classAnnotation]; ok && p.class != "" {
		p.say(finding.Error, RuleIngressClass, append(slices.Clone(fieldAnnotations), classAnnotation),
			"the annotation "+classAnnotation+" and spec.ingress.className cannot stand together: an API server refuses such an Ingress",
			"Remove the annotation.")
	}
}

// has reports whether the person's values hold keys, be it with a null.
func (p *plan) has(keys []string) bool {
	_, depth := at(p.user, keys...)
	return depth == len(keys)
}

// userPath returns the path in the spec of the value at keys, or of the nearest
// value above it that is there.
func (p *plan) userPath(keys []string) []string {
	_, depth := at(p.user, keys...)
	return append([]string{"spec", "values"}, keys[:depth]...)
}

func dotted(path []string) string { return strings.Join(path, ".") }

// flagValues returns what a list of arguments says for a flag, as --flag=value or
// as two items; for --tls-san each of the names joined by commas. It gives
// nothing for the empty flag.
func flagValues(list []any, flag string) []string {
	if flag == "" {
		return nil
	}
	var values []string
	for i, item := range list {
		text, _ := item.(string)
		if value, ok := strings.CutPrefix(text, flag+"="); ok {
			values = append(values, value)
		} else if text == flag && i+1 < len(list) {
			values = append(values, fmt.Sprint(list[i+1]))
		}
	}
	if flag == "--tls-san" && len(values) > 0 {
		values = strings.Split(strings.Join(values, ","), ",")
	}
	return values
}

// truthy reports whether a template would take the value for true.
func truthy(value any) bool {
	switch v := value.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return true
}
