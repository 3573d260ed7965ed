package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

// thing is a schema whose every rule a document can break.
const thing = `{"type": "object", "required": ["spec"], "properties": {
	"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
	"spec": {"type": "object", "additionalProperties": false, "required": ["size"], "properties": {
		"size": {"type": "integer"}, "mode": {"enum": ["a", "b", null]},
		"key": {"type": "string", "pattern": "^[a-z]+$"},
		"deep": {"anyOf": [{"type": "null"}, {"$ref": "#/definitions/deep"}]},
		"either": {"oneOf": [{"type": "integer"}, {"type": "boolean"}]}}}},
	"definitions": {"deep": {"type": "object", "properties": {"list": {"type": "array", "items": {"type": "string"}}}}}}`

func thingSchemas(t *testing.T) toolchain.Schemas {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "thing_v1.json"), []byte(thing), 0o644); err != nil {
		t.Fatal(err)
	}
	return toolchain.Schemas{KubernetesVersion: "1.34.1", Locations: []string{filepath.Join(dir, "{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json")}}
}

func TestProblemsNameTheFieldAndNoValue(t *testing.T) {
	tests := []struct{ name, spec, want string }{
		{"type", "{size: big}", "[{[spec size] is a string, must be an integer}]"},
		{"unknown", "{size: 1, b: 1, a: 1}", "[{[spec a] unknown field} {[spec b] unknown field}]"},
		{"missing", "{}", `[{[spec] the field "size" is missing}]`},
		{"enum", "{size: 1, mode: secret}", "[{[spec mode] must be a or b}]"},
		{"pattern", "{size: 1, key: S3CRET}", "[{[spec key] does not match the pattern ^[a-z]+$}]"},
		{"behind a reference and null", "{size: 1, deep: {list: [a, 1]}}", "[{[spec deep list 1] is a number, must be a string}]"},
		{"alternatives", "{size: 1, either: secret}", "[{[spec either] fits none of the forms that are allowed: is a string, must be an integer; or is a string, must be a boolean}]"},
	}
	schemas := thingSchemas(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			data := "apiVersion: example.com/v1\nkind: Thing\nspec: " + test.spec + "\n"
			results, err := embedded.NewKubeconform().Validate(context.Background(), schemas, toolchain.Manifests{Documents: manifest.Parse(manifest.Other, "", []byte(data)).Documents})[0].Get()
			if err != nil {
				t.Fatal(err)
			}
			r := results[0]
			if got := fmt.Sprint(r.Problems); got != test.want || r.Status != toolchain.Invalid || r.Kind != "Thing" || r.APIVersion != "example.com/v1" {
				t.Errorf("got %s of %s %s, want %s", got, r.APIVersion, r.Kind, test.want)
			}
		})
	}
}

func TestValidateKeepsTheOrder(t *testing.T) {
	var documents []manifest.Document
	for i := range 500 {
		size := "1"
		if i%3 == 0 {
			size = "x"
		}
		documents = append(documents, manifest.Parse(manifest.Other, "", []byte("apiVersion: example.com/v1\nkind: Thing\nspec: {size: "+size+"}\n")).Documents...)
	}
	results, err := embedded.NewKubeconform().Validate(context.Background(), thingSchemas(t), toolchain.Manifests{Documents: documents})[0].Get()
	if err != nil || len(results) != len(documents) {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for i, r := range results {
		if (r.Status == toolchain.Invalid) != (i%3 == 0) {
			t.Errorf("document %d: status %d", i, r.Status)
		}
	}
}

func TestSchemasAreLocalFiles(t *testing.T) {
	for name, locations := range map[string][]string{
		"none": nil, "default": {"default"}, "http": {"http://127.0.0.1/{{ .ResourceKind }}.json"}, "file address": {"file:///x.json"},
	} {
		if _, err := embedded.NewKubeconform().Validate(context.Background(), toolchain.Schemas{Locations: locations, KubernetesVersion: "1.34.1"}, toolchain.Manifests{Documents: nil})[0].Get(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestValidateStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := embedded.NewKubeconform().Validate(ctx, thingSchemas(t), toolchain.Manifests{Documents: manifest.Parse(manifest.Other, "", []byte("a: 1")).Documents})[0].Get()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
