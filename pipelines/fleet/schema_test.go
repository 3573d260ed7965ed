package fleet

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
)

var update = flag.Bool("update", false, "rewrite the schemas and the golden files")

func ptr[T any](v T) *T { return &v }

const draft07 = "http://json-schema.org/draft-07/schema#"

// generate makes the schema of a type from its fields, tags and comments.
func generate(t *testing.T, of any, title string) []byte {
	t.Helper()
	reflector := &jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, DoNotReference: true}
	if err := reflector.AddGoComments("kasou/pipelines/fleet", ".", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	for name, text := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	// A project is an object, or its name alone.
	reflector.Mapper = func(t reflect.Type) *jsonschema.Schema {
		if t != reflect.TypeFor[Project]() {
			return nil
		}
		inner := *reflector
		inner.Mapper = nil
		s := inner.ReflectFromType(t)
		s.Version, s.Type = "", ""
		s.MinLength = ptr(uint64(1))
		s.Extras = map[string]any{"type": []string{"string", "object"}}
		return s
	}
	s := reflector.Reflect(of)
	s.Version, s.Title = draft07, title
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestSchemas holds the embedded schemas, and those in the clusters folder, to
// the Go types.
func TestSchemas(t *testing.T) {
	for _, tt := range []struct {
		file, title string
		of          any
		embedded    func() ([]byte, error)
	}{
		{SpecSchemaFile, "A virtual cluster of kasou", &ClusterFile{}, SpecSchema},
		{FleetSchemaFile, "A fleet of virtual clusters of kasou", &FleetFile{}, FleetSchema},
	} {
		t.Run(tt.file, func(t *testing.T) {
			want := generate(t, tt.of, tt.title)
			places := []string{filepath.Join("schema", tt.file), filepath.Join("..", "..", "clusters", tt.file)}
			for _, place := range places {
				if *update {
					write(t, place, want)
				}
				got, err := os.ReadFile(place)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got, want) {
					t.Errorf("%s is not what the types say: run go generate ./pipelines/fleet", place)
				}
			}
			if *update {
				return // the binary still has the old ones
			}
			if got, err := tt.embedded(); err != nil || !bytes.Equal(got, want) {
				t.Errorf("embedded schema differs from the types (error %v)", err)
			}
		})
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Everything a person can write has a description, or an editor shows nothing.
func TestSchemasDescribeEveryField(t *testing.T) {
	for name, s := range map[string]*schema{SpecSchemaFile: schemaOfSpec(), FleetSchemaFile: schemaOfFleet()} {
		level := [][]string{nil}
		for len(level) > 0 {
			path := level[0]
			level = level[1:]
			for _, key := range s.keys(path) {
				child := append(append([]string{}, path...), key)
				level = append(level, child)
				if text, _ := s.at(child)["description"].(string); text == "" {
					t.Errorf("%s: %s has no description", name, strings.Join(child, "."))
				}
			}
		}
	}
}
