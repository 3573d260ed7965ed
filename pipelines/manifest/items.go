package manifest

import (
	"maps"
	"strings"
)

// Items returns the objects of a List, at any depth; anything else is the only one itself,
// and nil is none. Those of a typed list have its kind and version where they have none, as
// the API server fills them in (decodeToList of apimachinery's unstructured).
func Items(object map[string]any) []map[string]any {
	list, isList := object["items"].([]any)
	kind, named := strings.CutSuffix(Text(object, "kind"), "List")
	switch {
	case object == nil:
		return nil
	case !isList || !named:
		return []map[string]any{object}
	}
	var all []map[string]any
	for _, item := range list {
		inner, _ := item.(map[string]any)
		if inner != nil && kind != "" && Text(inner, "kind") == "" {
			inner = maps.Clone(inner)
			inner["apiVersion"], inner["kind"] = Text(object, "apiVersion"), kind
		}
		all = append(all, Items(inner)...)
	}
	return all
}
