package bundle

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/manifest"
)

// Files returns one schema file for each kind, with everything in it that it
// refers to: a run reads and compiles only the kinds that it meets.
func (b *Bundle) Files() (manifest.Files, error) {
	files := manifest.Files{}
	for _, kind := range b.Kinds {
		data, err := json.Marshal(b.schema(kind))
		if err != nil {
			return nil, fmt.Errorf("encode the schema of %s %s: %w", kind.APIVersion(), kind.Kind, err)
		}
		files[kind.File()] = data
	}
	return files, nil
}

// schema returns the whole schema of a kind.
func (b *Bundle) schema(kind Kind) Schema {
	root := maps.Clone(b.Definitions[kind.Definition])
	root["type"] = "object"
	fields, _ := root["properties"].(Schema)
	fields = maps.Clone(fields)
	fields["apiVersion"] = Schema{"type": "string", "enum": []any{kind.APIVersion()}}
	fields["kind"] = Schema{"type": "string", "enum": []any{kind.Kind}}
	root["properties"] = fields
	used := Schema{}
	b.collect(root, used)
	if len(used) > 0 {
		root["definitions"] = used
	}
	return root
}

// collect adds every definition that value refers to, however far.
func (b *Bundle) collect(value any, used Schema) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			b.collect(item, used)
		}
	case Schema:
		if ref, ok := v["$ref"].(string); ok {
			name := strings.TrimPrefix(ref, refPrefix)
			if _, done := used[name]; !done {
				used[name] = b.Definitions[name]
				b.collect(b.Definitions[name], used)
			}
			return
		}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			b.collect(v[key], used)
		}
	}
}
