package document

import (
	"math"

	plainyaml "go.yaml.in/yaml/v2"
	"sigs.k8s.io/yaml"
)

// Marshal gives what sigs.k8s.io/yaml gives for maps, lists and plain values:
// keys sorted, the same bytes for the same value. That library writes JSON, parses
// it and writes YAML; for plain data this leaves out the way through JSON, which
// is two thirds of the work.
func Marshal(value any) ([]byte, error) {
	if plain, ok := asPlain(value); ok {
		return plainyaml.Marshal(plain)
	}
	return yaml.Marshal(value)
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
