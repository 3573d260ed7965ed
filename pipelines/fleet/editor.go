package fleet

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// valuesAt is where a schema for one chart has that of spec.values.
const valuesAt = "#/definitions/values"

// ValuesSchemaBase returns what the references in a chart's schema have to begin with to
// stand in SpecSchemaFor.
func ValuesSchemaBase() string { return valuesAt }

// generated is the comment in a schema that kasou lock wrote.
const generated = "Written by kasou lock for editors. Do not edit. Chart: "

// SpecSchemaFor returns the JSON schema of a spec.yaml with a chart, by its digest, whose
// values are described by the schema values. The error is that of JSON.
func SpecSchemaFor(digest string, values map[string]any) ([]byte, error) {
	var whole map[string]any
	if err := json.Unmarshal(specSchema, &whole); err != nil {
		return nil, err
	}
	properties := whole["properties"].(map[string]any)["spec"].(map[string]any)["properties"].(map[string]any)
	description := properties["values"].(map[string]any)["description"]
	properties["values"] = map[string]any{"description": description, "allOf": []any{map[string]any{"$ref": valuesAt}}}
	whole["definitions"] = map[string]any{"values": values}
	whole["$comment"] = generated + digest
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(whole)
	return b.Bytes(), err
}

// IsSpecSchemaFor reports whether a file is one that SpecSchemaFor made.
func IsSpecSchemaFor(data []byte) bool {
	var head struct {
		Comment string `json:"$comment"`
	}
	return json.Unmarshal(data, &head) == nil && strings.HasPrefix(head.Comment, generated)
}

var notInFileName = regexp.MustCompile(`[^A-Za-z0-9.+_-]`)

// SpecSchemaFileFor returns the name, in the clusters folder, of the schema of specs with
// a chart.
func SpecSchemaFileFor(name, version string) string {
	return "spec." + notInFileName.ReplaceAllString(name+"-"+version, "_") + ".schema.json"
}

// IsSpecSchemaName reports whether a file in the clusters folder has a name that
// SpecSchemaFileFor returns.
func IsSpecSchemaName(name string) bool {
	return modelineFile.MatchString("../"+name) && name != SpecSchemaFile
}

var (
	modelineFile = regexp.MustCompile(`^\.\./spec\.(?:[A-Za-z0-9.+_-]+\.)?schema\.json$`)
	modeline     = regexp.MustCompile(`(?m)^(# *yaml-language-server: *\$schema=)(\.\./spec\.(?:[A-Za-z0-9.+_-]+\.)?schema\.json)`)
)

// WithModeline returns the text of a spec.yaml whose modeline names the schema file, in
// the clusters folder. A text without one of kasou's is returned as it is.
func WithModeline(text []byte, file string) []byte {
	at := modeline.FindSubmatchIndex(text)
	if at == nil {
		return text
	}
	return []byte(string(text[:at[4]]) + "../" + file + string(text[at[5]:]))
}

// Modeline returns the name of the schema file, in the clusters folder, that the modeline
// of a spec.yaml names; "" where it names none of kasou's.
func Modeline(text []byte) string {
	at := modeline.FindSubmatch(text)
	if at == nil {
		return ""
	}
	return strings.TrimPrefix(string(at[2]), "../")
}
