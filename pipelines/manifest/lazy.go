package manifest

import (
	"fmt"

	plainyaml "go.yaml.in/yaml/v2"
)

// Lazy is a value of a YAML document that is decoded only where it is asked for:
// of most objects the head is all that matters. The parser is the one that
// sigs.k8s.io/yaml, and so Kubernetes, has.
type Lazy struct{ decode func(any) error }

// UnmarshalYAML keeps the way to decode the value.
func (l *Lazy) UnmarshalYAML(decode func(any) error) error {
	l.decode = decode
	return nil
}

// Value returns the decoded value as that parser has it; nil for null.
func (l Lazy) Value() (value any) {
	if l.decode == nil || l.decode(&value) != nil {
		return nil
	}
	return value
}

// Fields returns the values of the mapping that data, one YAML document, is, by
// their keys. The error is YAML that does not parse, or is not such a mapping.
func Fields(data []byte) (map[string]Lazy, error) {
	var fields map[string]Lazy
	return fields, plainyaml.Unmarshal(data, &fields)
}

// Plain returns a decoded value with mappings as encoding/json has them, their
// keys as text.
func Plain(value any) any {
	switch v := value.(type) {
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			out[fmt.Sprint(key)] = Plain(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = Plain(inner)
		}
		return out
	case int:
		return int64(v)
	}
	return value
}
