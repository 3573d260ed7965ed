package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	plainyaml "go.yaml.in/yaml/v2"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"
)

var (
	// ErrManyDocuments is a document in which the parser sees the start of another.
	ErrManyDocuments = errors.New("it holds several documents without a --- line between them")
	// ErrNotMapping is a document that is a text, a number or a list.
	ErrNotMapping = errors.New("it is not a mapping")
	// ErrSameKey is a mapping with two keys that are one in JSON, such as 1 and "1": of
	// which the value counts, the library leaves to chance.
	ErrSameKey = errors.New("it has a key twice, once as a text")
)

// decode returns the mapping that data is, as Read reads it. A null is nil without an
// error.
func decode(data []byte) (map[string]any, error) {
	value, err := Read(data)
	if err != nil {
		return nil, err
	}
	object, ok := value.(map[string]any)
	if !ok && value != nil {
		return nil, ErrNotMapping
	}
	return object, nil
}

// Read returns what the one YAML document in data is as JSON, read strictly, as
// UnmarshalStrict of sigs.k8s.io/yaml reads it, which kubectl and Argo CD have: a key that
// stands twice is an error. Whole numbers are int64, as apimachinery has them. Nothing but
// comments is nil, as a null is.
func Read(data []byte) (any, error) { return read(data, true, yaml.YAMLToJSONStrict) }

// ReadLast returns what Read does, and takes the last of a key that stands twice, as Helm
// reads values.yaml: to Read that is also a key that a merge (<<) brings and the mapping
// itself has.
func ReadLast(data []byte) (any, error) { return read(data, false, yaml.YAMLToJSON) }

func read(data []byte, strict bool, toJSON func([]byte) ([]byte, error)) (any, error) {
	decoder := plainyaml.NewDecoder(bytes.NewReader(data))
	decoder.SetStrict(strict)
	var value any
	if err := decoder.Decode(&value); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	var more any
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, ErrManyDocuments
	}
	plain, ok := plainValue(value)
	if !ok {
		if sameKeys(value) {
			return nil, ErrSameKey
		}
		// The library knows what JSON makes of it.
		text, err := toJSON(data)
		if err != nil {
			return nil, err
		}
		if err := utiljson.Unmarshal(text, &plain); err != nil {
			return nil, err
		}
	}
	return plain, nil
}

// sameKeys reports whether a mapping has keys that are one in JSON.
func sameKeys(value any) bool {
	switch v := value.(type) {
	case []any:
		return slices.ContainsFunc(v, sameKeys)
	case map[any]any:
		keys := map[string]bool{}
		for key, inner := range v {
			keys[fmt.Sprint(key)] = true
			if sameKeys(inner) {
				return true
			}
		}
		return len(keys) < len(v)
	}
	return false
}

// plainValue returns a value of the parser's as it comes back from JSON. It is not
// ok for what JSON would make something else of.
func plainValue(value any) (plain any, ok bool) {
	switch v := value.(type) {
	case nil, bool, int64:
		return v, true
	case string:
		return v, utf8.ValidString(v)
	case int:
		return int64(v), true
	case []any:
		for i := range v {
			if v[i], ok = plainValue(v[i]); !ok {
				return nil, false
			}
		}
		return v, true
	case map[any]any:
		out := make(map[string]any, len(v))
		for key, inner := range v {
			name, isText := key.(string)
			if !isText || !utf8.ValidString(name) {
				return nil, false
			}
			if out[name], ok = plainValue(inner); !ok {
				return nil, false
			}
		}
		return out, true
	}
	return nil, false
}
