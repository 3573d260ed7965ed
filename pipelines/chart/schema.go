package chart

import (
	"encoding/json"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	"helm.sh/helm/v3/pkg/chartutil"

	"kasou/pipelines/toolchain"
)

// schemaFile is where a chart has the schema of its values.
const schemaFile = "values.schema.json"

// ValuesSchema returns a JSON schema for what a spec may write under values, for
// editors: the chart's own values.schema.json, in which nothing is required, as the
// chart's defaults lie below; else one that is made of its values.yaml, with the comments
// in it as descriptions. References in it begin with base, such as #/definitions/values.
// An error says what of the chart does not parse.
func ValuesSchema(ch toolchain.Chart, base string) (map[string]any, error) {
	files, err := filesOf(ch)
	if err != nil {
		return nil, err
	}
	if data, ok := files[schemaFile]; ok {
		var own map[string]any
		if err := json.Unmarshal(data, &own); err != nil {
			return nil, fmt.Errorf("%s of chart %s: %w", schemaFile, ch.Source, err)
		}
		for _, key := range []string{"$schema", "$id", "id"} {
			delete(own, key)
		}
		return partial(own, base).(map[string]any), nil
	}
	var document yaml.Node
	if err := yaml.Unmarshal(files[chartutil.ValuesfileName], &document); err != nil {
		return nil, fmt.Errorf("%s of chart %s: %w", chartutil.ValuesfileName, ch.Source, err)
	}
	if len(document.Content) == 0 {
		return map[string]any{"type": "object"}, nil
	}
	return schemaOf(document.Content[0], 0), nil
}

// partial returns a schema for a part of what it describes, moved to base. References out
// of the file are left out: an editor would dial them.
func partial(schema any, base string) any {
	switch s := schema.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, value := range s {
			ref, isText := value.(string)
			_, isList := value.([]any)
			switch {
			case key == "required" && isList:
			case key == "$ref" && isText && strings.HasPrefix(ref, "#"):
				out[key] = base + strings.TrimPrefix(ref, "#")
			case key == "$ref" && isText:
			case key == "default", key == "enum", key == "const", key == "examples":
				out[key] = value
			default:
				out[key] = partial(value, base)
			}
		}
		return out
	case []any:
		out := make([]any, len(s))
		for i, value := range s {
			out[i] = partial(value, base)
		}
		return out
	}
	return schema
}

// schemaOf describes a default value. Charts put into an empty or a plain one whatever
// they like, so that only lists, switches and mappings have a type.
func schemaOf(n *yaml.Node, depth int) map[string]any {
	const deep = 100
	if n.Kind == yaml.AliasNode || depth > deep {
		return map[string]any{}
	}
	switch {
	case n.Kind == yaml.SequenceNode:
		return map[string]any{"type": "array"}
	case n.ShortTag() == "!!bool":
		return map[string]any{"type": "boolean", "default": n.Value == "true"}
	case n.Kind == yaml.ScalarNode:
		var value any
		if n.Decode(&value) != nil || value == nil {
			return map[string]any{}
		}
		return map[string]any{"default": value}
	}
	properties := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		described := schemaOf(value, depth+1)
		if text := comment(key, value); text != "" {
			described["description"] = text
		}
		properties[key.Value] = described
	}
	return map[string]any{"type": "object", "properties": properties}
}

// comment returns what stands above a value and behind it.
func comment(key, value *yaml.Node) string {
	var lines []string
	for line := range strings.Lines(key.HeadComment + "\n" + key.LineComment + "\n" + value.LineComment) {
		if line = strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(line), "#- ")); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}
