package fleet

import (
	"bytes"
	_ "embed"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// The schemas are generated from the types and their comments, which are not
// there at run time; so the generated files are embedded, and a test holds them
// to the types.
//
//go:generate go test . -run ^Test(Schemas|Fields)$ -update

//go:embed schema/spec.schema.json
var specSchema []byte

//go:embed schema/fleet.schema.json
var fleetSchema []byte

// The names of the schema files in the clusters folder.
const (
	SpecSchemaFile  = "spec.schema.json"
	FleetSchemaFile = "fleet.schema.json"
)

// SpecSchema returns the JSON Schema (draft-07) of a spec.yaml, as it stands in
// clusters/spec.schema.json. Load validates with the same bytes. The error is
// always nil.
func SpecSchema() ([]byte, error) { return slices.Clone(specSchema), nil }

// FleetSchema returns the JSON Schema (draft-07) of fleet.yaml, as it stands in
// clusters/fleet.schema.json. Load validates with the same bytes. The error is
// always nil.
func FleetSchema() ([]byte, error) { return slices.Clone(fleetSchema), nil }

// schema is a JSON schema, compiled, and as plain data to look up its keys.
type schema struct {
	compiled *jsonschema.Schema
	data     map[string]any
}

var (
	schemaOfSpec  = sync.OnceValue(func() *schema { return compile(SpecSchemaFile, specSchema) })
	schemaOfFleet = sync.OnceValue(func() *schema { return compile(FleetSchemaFile, fleetSchema) })
)

// compile panics on a broken schema: it is part of the binary, and a test
// compiles it.
func compile(name string, data []byte) *schema {
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		panic(fmt.Sprintf("embedded %s: %v", name, err))
	}
	compiler := jsonschema.NewCompiler()
	// A name alone would be taken for one in the working directory, whose own name need not
	// fit into a URL.
	name = "file:///" + name
	if err := compiler.AddResource(name, parsed); err != nil {
		panic(fmt.Sprintf("embedded %s: %v", name, err))
	}
	return &schema{compiled: compiler.MustCompile(name), data: parsed.(map[string]any)}
}

// keys returns the keys that the mapping at path can have, sorted.
func (s *schema) keys(path []string) []string {
	return slices.Sorted(maps.Keys(properties(s.at(path))))
}

// at walks the schema as path walks a document; nil where it knows no keys.
func (s *schema) at(path []string) map[string]any {
	node := s.data
	for _, step := range path {
		next, ok := properties(node)[step].(map[string]any)
		if !ok {
			next, ok = node["additionalProperties"].(map[string]any) // of a class, or a host
		}
		if !ok {
			next, _ = node["items"].(map[string]any)
		}
		node = next
	}
	return node
}

// homes returns the paths of all mappings at and below from that have the key, shortest
// first.
func (s *schema) homes(from []string, key string) [][]string {
	var found [][]string
	level := [][]string{from}
	for len(level) > 0 {
		var next [][]string
		for _, path := range level {
			for _, name := range s.keys(path) {
				if name == key {
					found = append(found, path)
				}
				next = append(next, append(slices.Clone(path), name))
			}
		}
		level = next
	}
	return found
}

func properties(node map[string]any) map[string]any {
	p, _ := node["properties"].(map[string]any)
	return p
}
