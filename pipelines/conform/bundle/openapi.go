package bundle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

const (
	refPrefix  = "#/definitions/"
	groupKinds = "x-kubernetes-group-version-kind"
	quantity   = "io.k8s.apimachinery.pkg.api.resource.Quantity"
)

// FromOpenAPI makes a bundle from an OpenAPI v2 document, such as the
// api/openapi-spec/swagger.json of k8s.io/kubernetes.
func FromOpenAPI(source string, swagger []byte) (*Bundle, error) {
	var document struct {
		Definitions map[string]Schema `json:"definitions"`
	}
	if err := decode(swagger, &document); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document of %s: %w", source, err)
	}
	o := openAPI{definitions: document.Definitions}
	b := &Bundle{Source: source, Definitions: map[string]Schema{}, Kinds: o.kinds()}
	b.Sort()
	for _, kind := range b.Kinds {
		if err := o.add(b, kind.Definition); err != nil {
			return nil, fmt.Errorf("%s: %w", source, err)
		}
	}
	return b, nil
}

type openAPI struct{ definitions map[string]Schema }

// kinds returns what can stand in a manifest: definitions with a kind and the
// metadata of an object. Lists are checked item by item.
func (o openAPI) kinds() []Kind {
	var kinds []Kind
	for _, name := range slices.Sorted(maps.Keys(o.definitions)) {
		definition := o.definitions[name]
		properties, _ := definition["properties"].(Schema)
		metadata, _ := properties["metadata"].(Schema)
		ref, _ := metadata["$ref"].(string)
		if !strings.HasSuffix(ref, ".ObjectMeta") {
			continue
		}
		named, _ := definition[groupKinds].([]any)
		for _, entry := range named {
			fields, _ := entry.(Schema)
			kinds = append(kinds, Kind{
				Group: text(fields["group"]), Version: text(fields["version"]), Kind: text(fields["kind"]),
				Definition: name,
			})
		}
	}
	return kinds
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// add converts a definition and all it refers to.
func (o openAPI) add(b *Bundle, name string) error {
	if _, done := b.Definitions[name]; done {
		return nil
	}
	definition, ok := o.definitions[name]
	if !ok {
		return fmt.Errorf("no definition of %s", name)
	}
	var needed []string
	c := converter{ref: func(ref string, nullable bool) Schema {
		target := strings.TrimPrefix(ref, refPrefix)
		if s, ok := o.scalar(target, nullable); ok {
			return s
		}
		needed = append(needed, target)
		return refer(target, nullable)
	}}
	b.Definitions[name] = c.schema(definition, true)
	slices.Sort(needed)
	for _, target := range slices.Compact(needed) {
		if err := o.add(b, target); err != nil {
			return err
		}
	}
	return nil
}

// scalar returns the schema of a definition without fields, such as a Time, to
// be written where it is used.
func (o openAPI) scalar(name string, nullable bool) (Schema, bool) {
	definition := o.definitions[name]
	if definition == nil || definition["properties"] != nil || definition["$ref"] != nil {
		return nil, false
	}
	s := converter{}.schema(definition, false)
	if name == quantity {
		s = Schema{"type": []any{"string", "number"}}
	}
	if nullable {
		s = allowNull(s)
	}
	return s, true
}

// refer returns a reference. Definitions allow null; where the field does not,
// the type beside the reference says so.
func refer(name string, nullable bool) Schema {
	ref := Schema{"$ref": refPrefix + name}
	if nullable {
		return ref
	}
	return Schema{"type": "object", "allOf": []any{ref}}
}
