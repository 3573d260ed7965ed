package seal

import (
	"encoding/json"

	"kasou/pipelines/manifest"
)

// pruned returns v without nulls and empty maps and lists, which mean nothing in
// metadata and which one version of a library writes and another does not
// (creationTimestamp: null).
func pruned(v any) any {
	switch v := v.(type) {
	case map[string]any:
		kept := map[string]any{}
		for key, value := range v {
			if value = pruned(value); value != nil {
				kept[key] = value
			}
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	case []any:
		kept := make([]any, 0, len(v))
		for _, value := range v {
			kept = append(kept, pruned(value))
		}
		if len(kept) == 0 {
			return nil
		}
		return kept
	}
	return v
}

// canonicalText returns v pruned, as JSON with sorted keys: the same text for the
// same meaning.
func canonicalText(v any) (string, error) {
	data, err := json.Marshal(pruned(v))
	return string(data), err
}

// texts returns the map of strings at path; ok is false where it holds something
// else. A null is an empty string, as the API server reads it.
func texts(object map[string]any, path ...string) (out map[string]string, ok bool) {
	out = map[string]string{}
	value := manifest.At(object, path...)
	if value == nil {
		return out, true
	}
	inner, ok := value.(map[string]any)
	if !ok {
		return out, false
	}
	for name, v := range inner {
		s, isText := v.(string)
		if !isText && v != nil {
			return out, false
		}
		out[name] = s
	}
	return out, true
}
