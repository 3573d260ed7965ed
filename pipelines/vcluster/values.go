package vcluster

import (
	"maps"
	"slices"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// MarshalValues gives a values.yaml: one line that says whose it is, and the
// values with their keys sorted. The same values give the same bytes.
func MarshalValues(values map[string]any) ([]byte, error) {
	if values == nil {
		values = map[string]any{}
	}
	data, err := yaml.Marshal(values)
	if err != nil {
		return nil, err
	}
	return append([]byte("# Written by kasou from spec.yaml. Do not edit.\n"), data...), nil
}

// merge lays over on top of base the way Helm lays one values file on another:
// maps are merged, everything else is replaced, and a null stays, because to
// Helm it means "without the chart's default". Neither argument is changed or
// shared with the result.
func merge(base, over map[string]any) map[string]any {
	merged := manifest.Copy(base).(map[string]any)
	for key, value := range over {
		below, isMap := merged[key].(map[string]any)
		above, overMap := value.(map[string]any)
		if isMap && overMap {
			merged[key] = merge(below, above)
			continue
		}
		merged[key] = manifest.Copy(value)
	}
	return merged
}

// lookup gives the value at keys, or nil.
func lookup(values map[string]any, keys ...string) any {
	found, _ := at(values, keys...)
	return found
}

// at gives the value at keys, and how many of the keys are there.
func at(values map[string]any, keys ...string) (value any, depth int) {
	value = values
	for i, key := range keys {
		m, ok := value.(map[string]any)
		if !ok {
			return nil, i
		}
		if value, ok = m[key]; !ok {
			return nil, i
		}
	}
	return value, len(keys)
}

// put sets the value at keys and makes the maps on the way.
func put(values map[string]any, value any, keys ...string) {
	last := len(keys) - 1
	for _, key := range keys[:last] {
		next, ok := values[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			values[key] = next
		}
		values = next
	}
	values[keys[last]] = value
}

// setting is one thing that a field of the spec put into the values.
type setting struct {
	field, keys []string
	// value is what stands at keys, or, where inList, what is in the list there.
	value  any
	inList bool
	// flag and argument are set where value is --flag=argument.
	flag, argument string
}

func (p *plan) set(field []string, value any, keys ...string) {
	put(p.values, value, keys...)
	p.settings = append(p.settings, setting{field: field, keys: keys, value: value})
}

func (p *plan) item(field []string, value string, keys ...string) {
	list, _ := lookup(p.values, keys...).([]any)
	put(p.values, append(list, value), keys...)
	p.settings = append(p.settings, setting{field: field, keys: keys, value: value, inList: true})
}

// argument adds --flag=argument to the list at keys.
func (p *plan) argument(field []string, flag, argument string, keys ...string) {
	p.item(field, flag+"="+argument, keys...)
	last := &p.settings[len(p.settings)-1]
	last.flag, last.argument = flag, argument
}

// forget drops the watch over what field put into the list at keys.
func (p *plan) forget(field []string, keys ...string) {
	p.settings = slices.DeleteFunc(p.settings, func(s setting) bool {
		return s.inList && slices.Equal(s.field, field) && slices.Equal(s.keys, keys)
	})
}

func (p *plan) annotate(keys ...string) {
	for _, name := range slices.Sorted(maps.Keys(p.annotations)) {
		field := append(slices.Clone(fieldAnnotations), name)
		p.set(field, p.annotations[name], append(slices.Clone(keys), name)...)
	}
}
