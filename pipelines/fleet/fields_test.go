package fleet

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// fields of a JSON schema that the reference shows.
type fields struct {
	Type        any                `json:"type"`
	Description string             `json:"description"`
	Default     any                `json:"default"`
	Enum        []any              `json:"enum"`
	Examples    []any              `json:"examples"`
	Pattern     string             `json:"pattern"`
	Required    []string           `json:"required"`
	Properties  map[string]*fields `json:"properties"`
	Items       *fields            `json:"items"`
	// Additional is false, or the schema of each value of a mapping.
	Additional json.RawMessage `json:"additionalProperties"`
}

const fieldsFile = "../../docs/fields.md"

// TestFields holds docs/fields.md to the Go types.
func TestFields(t *testing.T) {
	var out bytes.Buffer
	out.WriteString("# Every field of fleet.yaml and spec.yaml\n\nGenerated from the types by `make golden`; `clusters/*.schema.json` say the same to editors. NAME stands for a key that you choose, `[]` for each item of a list.\n")
	for _, of := range []struct {
		name string
		of   any
	}{{"fleet.yaml", &FleetFile{}}, {"spec.yaml", &ClusterFile{}}} {
		var root fields
		if err := json.Unmarshal(generate(t, of.of, of.name), &root); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "\n## %s\n\n| field | type | meaning |\n|---|---|---|\n", of.name)
		root.write(&out, "")
	}
	if *update {
		if err := os.WriteFile(fieldsFile, out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(fieldsFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(written, out.Bytes()) {
		t.Error("docs/fields.md is not what the types say: run make golden")
	}
}

// write adds a row for each field below path.
func (f *fields) write(out *bytes.Buffer, path string) {
	for _, name := range slices.Sorted(maps.Keys(f.Properties)) {
		p := f.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		fmt.Fprintf(out, "| `%s` | %s | %s |\n", at, p.typeName(), p.meaning(slices.Contains(f.Required, name)))
		p.write(out, at)
		if p.Items != nil {
			p.Items.write(out, at+"[]")
		}
		switch each := p.each(); {
		case each != nil && at == "spec.classes":
			// Its fields are those of a spec, which have a table of their own.
			each.Properties = map[string]*fields{"extends": each.Properties["extends"]}
			each.write(out, at+".NAME")
			fmt.Fprintf(out, "| `%s.NAME.…` | | Each field below `spec` of spec.yaml, but for `class`, `%s`. |\n", at, strings.Join(onlyInASpec, "`, `"))
		case each != nil:
			each.write(out, at+".NAME")
		}
	}
}

// each returns the schema that a mapping has for each of its values; nil where it has none.
func (f *fields) each() *fields {
	if !bytes.HasPrefix(f.Additional, []byte("{")) {
		return nil
	}
	each := new(fields)
	if err := json.Unmarshal(f.Additional, each); err != nil {
		panic(err) // the whole of it was parsed before
	}
	return each
}

func (f *fields) typeName() string {
	switch {
	case f.Items != nil:
		return "list of " + f.Items.typeName()
	case f.each() != nil:
		return "mapping of names to " + f.each().typeName()
	case f.Type == nil:
		return "any"
	}
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(f.Type), " ", " or "), "[]")
}

func (f *fields) meaning(required bool) string {
	parts := []string{f.Description}
	if required {
		parts = append(parts, "Required.")
	}
	list := func(what string, values []any) {
		var all []string
		for _, v := range values {
			text, _ := json.Marshal(v)
			all = append(all, "`"+strings.Trim(string(text), `"`)+"`")
		}
		if len(all) > 0 {
			parts = append(parts, what+strings.Join(all, ", ")+".")
		}
	}
	list("One of ", f.Enum)
	if f.Default != nil && !strings.Contains(f.Description, "Default:") {
		list("Default: ", []any{f.Default})
	}
	list("Such as ", f.Examples)
	return strings.ReplaceAll(strings.TrimSpace(strings.Join(parts, " ")), "|", "\\|")
}
