package dagger

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

const thing = `{"type": "object", "required": ["spec"], "properties": {
	"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": {"type": "object"},
	"spec": {"type": "object", "additionalProperties": false, "required": ["size"], "properties": {
		"size": {"type": "integer"}, "mode": {"enum": ["a", "b", null]}, "key": {"type": "string", "pattern": "^[a-z]+$"}}}}}`

// thingSchemas are in two folders, of which the second is deeper.
func thingSchemas(t *testing.T) toolchain.Schemas {
	t.Helper()
	dir := t.TempDir()
	other := filepath.Join(dir, "more", "example.com")
	if err := os.MkdirAll(other, 0o755); err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		filepath.Join(dir, "thing_v1.json"): thing, filepath.Join(other, "other_v1.json"): thing, filepath.Join(dir, "broken_v1.json"): "{",
	} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return toolchain.Schemas{KubernetesVersion: "1.34.1", Locations: []string{
		filepath.Join(dir, "{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"),
		filepath.Join(dir, "more", "{{ .Group }}", "{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json"),
	}}
}

func TestValidationsAreTheSame(t *testing.T) {
	e, d := both(t)
	var documents []manifest.Document
	for i, data := range []string{
		"apiVersion: example.com/v1\nkind: Thing\nspec: {size: 1}\n",
		"apiVersion: example.com/v1\nkind: Thing\nspec: {size: big, key: SECRET}\n",
		"apiVersion: example.com/v1\nkind: Other\nspec: {size: 1, b: 1, a: 1}\n",
		"apiVersion: example.com/v1\nkind: Thing\nspec: {mode: secret}\n",
		"apiVersion: example.com/v1\nkind: Unknown\n",
		"apiVersion: example.com/v1\n", "kind: Thing\n", "a: [\n", "null\n", "", "# nothing\n",
		"apiVersion: example.com/v1\nkind: Thing\nkind: Thing\n", "- 1\n", "text\n",
		"apiVersion: v1\nkind: ConfigMap\ndata: {a: \"\\xff\"}\n",
	} {
		documents = append(documents, manifest.NewDocument(manifest.Other, fmt.Sprintf("clusters/dev/manifests/%d.yaml", i%3), 1, []byte(data)))
	}
	schemas := thingSchemas(t)
	want, err := e.Validate(t.Context(), schemas, toolchain.Manifests{Documents: documents})[0].Get()
	if err != nil {
		t.Fatal(err)
	}
	got, err := d.Validate(t.Context(), schemas, toolchain.Manifests{Documents: documents})[0].Get()
	if err != nil {
		t.Fatal(err)
	}
	for i := range documents {
		if diff := cmp.Diff(want[i], got[i]); diff != "" {
			t.Errorf("%q (-embedded +dagger):\n%s", documents[i].Bytes, diff)
		}
	}
}

func TestABrokenSchemaIsNoFinding(t *testing.T) {
	e, d := both(t)
	document := manifest.Parse(manifest.Other, "a.yaml", []byte("apiVersion: example.com/v1\nkind: Broken\n")).Documents
	want, wantErr := e.Validate(t.Context(), thingSchemas(t), toolchain.Manifests{Documents: document})[0].Get()
	got, gotErr := d.Validate(t.Context(), thingSchemas(t), toolchain.Manifests{Documents: document})[0].Get()
	if (wantErr == nil) != (gotErr == nil) || !cmp.Equal(want, got) {
		t.Errorf("embedded: %v, %v; dagger: %v, %v", want, wantErr, got, gotErr)
	}
}

func TestThousandsOfDocumentsKeepTheirOrder(t *testing.T) {
	d := connected(t)
	documents := make([]manifest.Document, 3000)
	for i := range documents {
		size := "1"
		if i%7 == 0 {
			size = "x"
		}
		documents[i] = manifest.NewDocument(manifest.Other, "a.yaml", 1, fmt.Appendf(nil, "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: n%d}\nspec: {size: %s}\n", i, size))
	}
	results, err := d.Validate(t.Context(), thingSchemas(t), toolchain.Manifests{Documents: documents})[0].Get()
	if err != nil || len(results) != len(documents) {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for i, r := range results {
		if (r.Status == toolchain.Invalid) != (i%7 == 0) {
			t.Fatalf("document %d: %+v", i, r)
		}
	}
}

func TestSchemasAreLocalFiles(t *testing.T) {
	d := connected(t)
	for name, locations := range map[string][]string{
		"none": nil, "default": {"default"}, "http": {"http://127.0.0.1/{{ .ResourceKind }}.json"}, "the root": {"/{{ .ResourceKind }}.json"},
	} {
		document := manifest.Parse(manifest.Other, "a.yaml", []byte("a: b\n")).Documents
		if _, err := d.Validate(t.Context(), toolchain.Schemas{Locations: locations, KubernetesVersion: "1.34.1"}, toolchain.Manifests{Documents: document})[0].Get(); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
