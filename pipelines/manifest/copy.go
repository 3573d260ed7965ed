package manifest

// Copy returns plain data, maps, lists and what stands in them, that shares nothing
// with value.
func Copy(value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[key] = Copy(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = Copy(inner)
		}
		return out
	}
	return value
}
