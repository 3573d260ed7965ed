package vcluster

import (
	"maps"
	"slices"

	"sigs.k8s.io/yaml"
)

// MarshalValues returns a values.yaml: one line that says whose it is, and the
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

// lookup returns the value at keys, or nil.
func lookup(values map[string]any, keys ...string) any {
	found, _ := at(values, keys...)
	return found
}

// at returns the value at keys, and how many of the keys are there.
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

// values are what kasou sets, and which field asked for it.
type values struct {
	tree     map[string]any
	settings []setting
}

func (v *values) set(field []string, value any, keys ...string) {
	put(v.tree, value, keys...)
	v.settings = append(v.settings, setting{field: field, keys: keys, value: value})
}

func (v *values) item(field []string, value string, keys ...string) {
	list, _ := lookup(v.tree, keys...).([]any)
	put(v.tree, append(list, value), keys...)
	v.settings = append(v.settings, setting{field: field, keys: keys, value: value, inList: true})
}

// argument adds --flag=argument to the list at keys.
func (v *values) argument(field []string, flag, argument string, keys ...string) {
	v.item(field, flag+"="+argument, keys...)
	last := &v.settings[len(v.settings)-1]
	last.flag, last.argument = flag, argument
}

// forget drops the watch over what field put into the list at keys.
func (v *values) forget(field []string, keys ...string) {
	v.settings = slices.DeleteFunc(v.settings, func(s setting) bool {
		return s.inList && slices.Equal(s.field, field) && slices.Equal(s.keys, keys)
	})
}

// annotate sets annotations, each by its name below field and below keys.
func (v *values) annotate(field []string, annotations map[string]string, keys ...string) {
	for _, name := range slices.Sorted(maps.Keys(annotations)) {
		v.set(append(slices.Clone(field), name), annotations[name], append(slices.Clone(keys), name)...)
	}
}

// given reports whether a field put something into the values.
func (v *values) given(field []string) bool {
	return slices.ContainsFunc(v.settings, func(s setting) bool { return slices.Equal(s.field, field) })
}
