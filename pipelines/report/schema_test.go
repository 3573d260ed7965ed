package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	generator "github.com/invopop/jsonschema"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"kasou/pipelines/finding"
)

const schemaFile = "../../docs/report.schema.json"

// TestSchema holds docs/report.schema.json to the Go types, and every JSON that the
// tests know to the schema.
func TestSchema(t *testing.T) {
	reflector := &generator.Reflector{Anonymous: true, ExpandedStruct: true, DoNotReference: true}
	for _, dir := range []string{".", "../finding"} {
		if err := reflector.AddGoComments("kasou/pipelines/"+map[string]string{".": "report", "../finding": "finding"}[dir], dir, generator.WithFullComment()); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.Join(strings.Fields(text), " ")
	}
	reflector.Mapper = func(t reflect.Type) *generator.Schema {
		if t == reflect.TypeFor[finding.Severity]() {
			return &generator.Schema{Type: "string", Enum: []any{"note", "warning", "error"}}
		}
		return nil
	}
	s := reflector.Reflect(document{})
	s.Title = "kasou --output json"
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(s); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(schemaFile, want.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(schemaFile)
	if err != nil || !bytes.Equal(written, want.Bytes()) {
		t.Errorf("docs/report.schema.json is not what the types say: run make golden (%v)", err)
	}
	compiled, err := jsonschema.NewCompiler().Compile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	drift, err := os.ReadFile(filepath.Join("testdata", "json.golden"))
	if err != nil {
		t.Fatal(err)
	}
	var planned bytes.Buffer
	plan := &Report{Command: "plan", Clusters: []Cluster{{Name: "a", Status: Changed, Steps: []Transition{{Effect: "restart", Message: "it restarts"}}}}}
	if err := Write(&planned, plan, Options{Format: "json"}); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	values := &Report{Command: "values", Values: map[string]any{"a": []any{1}}, Versions: map[string]string{"helm": "v3"}, Rules: []Rule{{Name: "tree-stale", Text: "It is."}},
		Unfinished: []Unfinished{{File: "clusters/fleet.yaml", Line: 7, Column: 1, Message: "no answer", Hint: "Wait."}}}
	if err := Write(&shown, values, Options{Format: "json"}); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"json.golden": drift, "a plan": planned.Bytes(), "values": shown.Bytes()} {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		if err := compiled.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
