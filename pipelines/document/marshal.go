package document

import (
	"encoding/json"
	"fmt"
	"math"

	plainyaml "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

// Marshal gives the YAML that sigs.k8s.io/yaml gives: keys sorted, the same bytes
// for the same value. That library writes JSON, reads it as YAML and writes YAML.
// For plain data this leaves out the way through JSON, which is two thirds of the
// work; other types go through JSON alone.
func Marshal(value any) ([]byte, error) {
	if plain, ok := asPlain(value); ok {
		return plainyaml.Marshal(plain)
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("error marshaling into JSON: %w", err)
	}
	var generic any
	if json.Unmarshal(data, &generic) == nil {
		if plain, ok := asPlain(generic); ok {
			return plainyaml.Marshal(plain)
		}
	}
	return yaml.JSONToYAML(data)
}

// exact is the first whole number that a float64 may not tell from the next.
const exact = 1 << 53

// asPlain gives value with numbers as they come back from JSON. It is not ok for
// what JSON or its parser would make something else of.
func asPlain(value any) (plain any, ok bool) {
	switch v := value.(type) {
	case nil, bool, int, int64:
		return v, true
	case string:
		return v, plainText(v)
	case float64:
		if v != math.Trunc(v) || math.Abs(v) >= exact || v == 0 && math.Signbit(v) {
			return nil, false
		}
		return int64(v), true
	case map[string]any:
		return plainMap(v)
	case []any:
		return plainList(v)
	}
	return nil, false
}

func plainMap(m map[string]any) (plain any, ok bool) {
	out := make(map[string]any, len(m))
	for key, value := range m {
		if out[key], ok = asPlain(value); !ok || !plainText(key) {
			return nil, false
		}
	}
	// A nil map is null in JSON.
	return out, m != nil
}

func plainList(list []any) (plain any, ok bool) {
	out := make([]any, len(list))
	for i, value := range list {
		if out[i], ok = asPlain(value); !ok {
			return nil, false
		}
	}
	return out, list != nil
}

// plainText says whether text comes through JSON as it is: what is no UTF-8 does
// not, and the parser refuses some characters.
func plainText(text string) bool {
	for _, r := range text {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= ' ' && r <= '~':
		case r >= 0xa0 && r < 0xfeff, r >= 0x10000:
		default:
			return false
		}
	}
	return true
}
