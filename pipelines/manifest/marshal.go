package manifest

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
	if text, ok, err := marshalPlain(value); ok {
		return text, err
	}
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("error marshaling into JSON: %w", err)
	}
	var generic any
	if json.Unmarshal(data, &generic) == nil {
		if text, ok, err := marshalPlain(generic); ok {
			return text, err
		}
	}
	return yaml.JSONToYAML(data)
}

// marshalPlain is not ok where the value is not plain.
func marshalPlain(value any) (text []byte, ok bool, err error) {
	var p plainer
	plain, ok := p.value(value)
	if !ok {
		return nil, false, nil
	}
	text, err = plainyaml.Marshal(plain)
	if err != nil || len(p.long) == 0 {
		return text, true, err
	}
	return []byte(withLong(string(text), p.long)), true, nil
}

// plainer makes plain data of a value, and puts long texts aside.
type plainer struct{ long []string }

// exact is the first whole number that a float64 may not tell from the next.
const exact = 1 << 53

// value gives it with numbers as they come back from JSON. It is not ok for what
// JSON or its parser would make something else of.
func (p *plainer) value(value any) (plain any, ok bool) {
	switch v := value.(type) {
	case nil, bool, int, int64:
		return v, true
	case string:
		if meansNothing(v) {
			p.long = append(p.long, v)
			return asideText(len(p.long) - 1), true
		}
		return v, plainText(v)
	case float64:
		if v != math.Trunc(v) || math.Abs(v) >= exact || v == 0 && math.Signbit(v) {
			return nil, false
		}
		return int64(v), true
	case map[string]any:
		return p.table(v)
	case []any:
		return p.list(v)
	}
	return nil, false
}

func (p *plainer) table(m map[string]any) (plain any, ok bool) {
	out := make(map[string]any, len(m))
	for key, value := range m {
		if out[key], ok = p.value(value); !ok || !plainText(key) {
			return nil, false
		}
	}
	// A nil map is null in JSON.
	return out, m != nil
}

func (p *plainer) list(list []any) (plain any, ok bool) {
	out := make([]any, len(list))
	for i, value := range list {
		if out[i], ok = p.value(value); !ok {
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
