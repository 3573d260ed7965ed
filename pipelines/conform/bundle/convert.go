package bundle

import "maps"

// kept are the keywords that mean the same in OpenAPI and in JSON schema, and
// that the API server checks. Descriptions, defaults, examples and list types
// are no use here.
var kept = []string{
	"type", "enum", "required", "pattern", "minLength", "maxLength",
	"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
	"minItems", "maxItems", "uniqueItems", "minProperties", "maxProperties",
}

// formats are those that the API server and JSON schema understand alike.
var formats = map[string]bool{"date-time": true, "date": true, "ipv4": true, "ipv6": true, "duration": true}

const (
	intOrString     = "x-kubernetes-int-or-string"
	preserveUnknown = "x-kubernetes-preserve-unknown-fields"
	embedded        = "x-kubernetes-embedded-resource"
)

// converter turns OpenAPI schemas into strict JSON schemas.
type converter struct {
	// ref returns the schema for a $ref; nil where there can be none.
	ref func(name string, nullable bool) Schema
}

// schema converts one schema. nullable allows null: the API server takes it
// for "not set", so optional fields have it.
func (c converter) schema(in Schema, nullable bool) Schema {
	if name, ok := in["$ref"].(string); ok {
		return c.ref(name, nullable)
	}
	nullable = nullable || in["nullable"] == true
	out := keep(in)
	c.children(in, out)
	if isIntOrString(in) {
		out["type"] = []any{"integer", "string"}
		delete(out, "anyOf")
	}
	if nullable {
		return allowNull(out)
	}
	return out
}

func keep(in Schema) Schema {
	out := Schema{}
	for _, keyword := range kept {
		if value, ok := in[keyword]; ok {
			out[keyword] = value
		}
	}
	if format, ok := in["format"].(string); ok && formats[format] {
		out["format"] = format
	}
	return out
}

func isIntOrString(s Schema) bool {
	return s[intOrString] == true || s["format"] == "int-or-string"
}

// children converts what stands below a schema.
func (c converter) children(in, out Schema) {
	if properties, ok := in["properties"].(Schema); ok {
		c.object(in, properties, out)
	}
	switch extra := in["additionalProperties"].(type) {
	case Schema:
		out["additionalProperties"] = c.schema(extra, true)
	case bool:
		out["additionalProperties"] = extra
	}
	if items, ok := in["items"].(Schema); ok {
		out["items"] = c.schema(items, false)
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf", "not"} {
		if value, ok := in[keyword]; ok {
			out[keyword] = logical(value)
		}
	}
}

// object converts properties, and forbids others: an unknown field is dropped
// by the API server, so it never does what its author meant.
func (c converter) object(in, properties, out Schema) {
	required := map[string]bool{}
	names, _ := in["required"].([]any)
	for _, name := range names {
		if s, ok := name.(string); ok {
			required[s] = true
		}
	}
	fields := Schema{}
	for name, field := range properties {
		s, _ := field.(Schema)
		fields[name] = c.schema(s, !required[name])
	}
	if in[embedded] == true {
		maps.Copy(fields, typeFields(fields))
	}
	out["properties"] = fields
	if in[preserveUnknown] != true {
		out["additionalProperties"] = false
	}
}

// typeFields returns the fields that every object has, where fields lacks them.
func typeFields(fields Schema) Schema {
	missing := Schema{"apiVersion": Schema{"type": "string"}, "kind": Schema{"type": "string"}, "metadata": objectMeta()}
	for name := range fields {
		delete(missing, name)
	}
	return missing
}

// logical strips the schemas below allOf, anyOf, oneOf and not. They only add
// conditions, so nothing in them is strict or allows null.
func logical(value any) any {
	switch v := value.(type) {
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = logical(item)
		}
		return out
	case Schema:
		return condition(v)
	}
	return value
}

func condition(in Schema) Schema {
	out := keep(in)
	if properties, ok := in["properties"].(Schema); ok {
		fields := Schema{}
		for name, field := range properties {
			fields[name] = logical(field)
		}
		out["properties"] = fields
	}
	for _, keyword := range []string{"items", "additionalProperties", "allOf", "anyOf", "oneOf", "not"} {
		if value, ok := in[keyword]; ok {
			out[keyword] = logical(value)
		}
	}
	return out
}

// allowNull returns a schema that takes null beside what s takes.
func allowNull(s Schema) Schema {
	for _, keyword := range []string{"allOf", "anyOf", "oneOf", "not"} {
		if _, ok := s[keyword]; ok {
			return Schema{"anyOf": []any{Schema{"type": "null"}, s}}
		}
	}
	switch t := s["type"].(type) {
	case string:
		s["type"] = []any{t, "null"}
	case []any:
		s["type"] = append(append([]any{}, t...), "null")
	}
	if values, ok := s["enum"].([]any); ok {
		s["enum"] = append(append([]any{}, values...), nil)
	}
	return s
}
