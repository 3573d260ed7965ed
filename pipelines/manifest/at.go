package manifest

// At returns the value at a path of keys in an object; nil where there is none.
func At(object map[string]any, path ...string) any {
	var value any = object
	for _, step := range path {
		inner, ok := value.(map[string]any)
		if !ok {
			return nil
		}
		value = inner[step]
	}
	return value
}

// Text returns the string at a path of keys in an object; empty where there is none.
func Text(object map[string]any, path ...string) string {
	s, _ := At(object, path...).(string)
	return s
}

// Maps returns the mappings in the list at a path of keys in an object, without what else
// is in it.
func Maps(object map[string]any, path ...string) []map[string]any {
	list, _ := At(object, path...).([]any)
	var all []map[string]any
	for _, item := range list {
		if m, ok := item.(map[string]any); ok {
			all = append(all, m)
		}
	}
	return all
}

// Texts returns the strings in the list at a path of keys in an object, without what else
// is in it.
func Texts(object map[string]any, path ...string) []string {
	list, _ := At(object, path...).([]any)
	var all []string
	for _, item := range list {
		if text, ok := item.(string); ok {
			all = append(all, text)
		}
	}
	return all
}
