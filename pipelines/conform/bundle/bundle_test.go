package bundle_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"kasou/pipelines/conform/bundle"
	"kasou/pipelines/manifest"
)

func entries(t testing.TB) map[string]bundle.Entry {
	t.Helper()
	entries, err := bundle.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestManifestMatchesTheBundles(t *testing.T) {
	for name, entry := range entries(t) {
		b, err := bundle.Load(name) // compares the content's digest
		if err != nil {
			t.Fatal(err)
		}
		content, err := b.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got := manifest.Digest(content); got != entry.Content {
			t.Errorf("%s: encoded again it is %s, the manifest says %s", name, got, entry.Content)
		}
		files, err := b.Files()
		if err != nil {
			t.Fatal(err)
		}
		if got := bundle.FilesDigest(files); got != entry.Files {
			t.Errorf("%s: its files are %s, the manifest says %s", name, got, entry.Files)
		}
		if b.Source != entry.Source {
			t.Errorf("%s: made from %q, the manifest says %q", name, b.Source, entry.Source)
		}
		if bytes.Contains(content, []byte(`"description":"`)) {
			t.Errorf("%s holds descriptions", name)
		}
	}
}

func TestBundlesForEveryMinorVersion(t *testing.T) {
	minors, err := bundle.Minors()
	if err != nil {
		t.Fatal(err)
	}
	for minor := 28; minor <= 37; minor++ {
		if !slices.Contains(minors, minor) {
			t.Errorf("no bundle for Kubernetes 1.%d", minor)
		}
	}
}

// kubeconform passes over a schema that does not compile.
func TestEverySchemaCompiles(t *testing.T) {
	for name := range entries(t) {
		for path, data := range files(t, name) {
			compile(t, name+"/"+path, data)
		}
	}
}

func files(t testing.TB, name string) manifest.Files {
	t.Helper()
	b, err := bundle.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	files, err := b.Files()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func compile(t testing.TB, path string, data []byte) *jsonschema.Schema {
	t.Helper()
	content, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft4)
	if err := compiler.AddResource("mem:///"+path, content); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	schema, err := compiler.Compile("mem:///" + path)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return schema
}

// accepts reports whether a schema takes a JSON document.
func accepts(t testing.TB, schema *jsonschema.Schema, document string) bool {
	t.Helper()
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	return schema.Validate(value) == nil
}

const widgetCRD = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  names: {kind: Widget, plural: widgets}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        description: A widget.
        required: [spec]
        properties:
          apiVersion: {type: string}
          kind: {type: string}
          metadata: {type: object}
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 0, exclusiveMinimum: true}
              port: {x-kubernetes-int-or-string: true, anyOf: [{type: integer}, {type: string}]}
              mode: {type: string, enum: [a, b]}
              free: {type: object, x-kubernetes-preserve-unknown-fields: true, properties: {known: {type: string}}}
              labels: {type: object, additionalProperties: {type: string}}
              template: {type: object, x-kubernetes-embedded-resource: true, x-kubernetes-preserve-unknown-fields: true}
              either:
                type: object
                properties: {a: {type: string}, b: {type: string}}
                oneOf: [{required: [a]}, {required: [b]}]
              tags: {type: array, items: {type: string}}
              gone: {type: string, nullable: true}
  - name: v0
    served: false
    storage: false
    schema: {openAPIV3Schema: {type: object}}
`

func TestCustomResource(t *testing.T) {
	b := &bundle.Bundle{}
	if err := b.AddCRD([]byte(widgetCRD)); err != nil {
		t.Fatal(err)
	}
	all, err := b.Files()
	if err != nil {
		t.Fatal(err)
	}
	if got := all.Paths(); !slices.Equal(got, []string{"example.com/widget_v1.json"}) {
		t.Fatalf("files %v", got)
	}
	schema := compile(t, "widget", all["example.com/widget_v1.json"])
	tests := []struct {
		name, spec string
		good       bool
	}{
		{"least", `"size": 1`, true},
		{"required missing", `"port": 1`, false},
		{"required null", `"size": null`, false},
		{"exclusive minimum", `"size": 0`, false},
		{"unknown field", `"size": 1, "sice": 1`, false},
		{"port as number", `"size": 1, "port": 80`, true},
		{"port as text", `"size": 1, "port": "http"`, true},
		{"port as list", `"size": 1, "port": []`, false},
		{"optional null", `"size": 1, "port": null, "mode": null, "free": null, "labels": null, "either": null, "tags": null`, true},
		{"enum", `"size": 1, "mode": "c"`, false},
		{"unknown preserved", `"size": 1, "free": {"x": 1}`, true},
		{"known among preserved", `"size": 1, "free": {"known": 1}`, false},
		{"map", `"size": 1, "labels": {"a": "b"}`, true},
		{"map of numbers", `"size": 1, "labels": {"a": 1}`, false},
		{"embedded object", `"size": 1, "template": {"apiVersion": "v1", "kind": "Pod", "spec": {}}`, true},
		{"one of", `"size": 1, "either": {"a": "x"}`, true},
		{"both of one of", `"size": 1, "either": {"a": "x", "b": "y"}`, false},
		{"null in a list", `"size": 1, "tags": [null]`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			document := `{"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "w"}, "spec": {` + test.spec + `}}`
			if got := accepts(t, schema, document); got != test.good {
				t.Errorf("accepted: %v, want %v", got, test.good)
			}
		})
	}
	for _, document := range []string{
		`{"apiVersion": "example.com/v2", "kind": "Widget", "spec": {"size": 1}}`,
		`{"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"size": 1}, "metadata": {"label": {}}}`,
		`{"apiVersion": "example.com/v1", "kind": "Widget", "spec": {"size": 1}, "metadata": {"annotations": {"a": true}}}`,
	} {
		if accepts(t, schema, document) {
			t.Errorf("accepted %s", document)
		}
	}
}

func TestAddCRDRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"another kind":   "apiVersion: v1\nkind: Secret\n",
		"an old CRD":     "apiVersion: apiextensions.k8s.io/v1beta1\nkind: CustomResourceDefinition\n",
		"no YAML":        "a: [",
		"no versions":    "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nspec: {group: a.b, names: {kind: C}}\n",
		"without schema": strings.Replace(strings.Replace(widgetCRD, "served: false", "served: true", 1), "schema: {openAPIV3Schema: {type: object}}", "", 1),
	} {
		if err := (&bundle.Bundle{}).AddCRD([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestKubernetesConventions(t *testing.T) {
	deployment := compile(t, "deployment", files(t, "1.34")["apps/deployment_v1.json"])
	tests := []struct {
		name, container string
		good            bool
	}{
		{"plain", `"name": "a"`, true},
		{"null for an optional field", `"name": "a", "image": null, "resources": null, "env": null`, true},
		{"null for a required field", `"name": null`, false},
		{"quantity as text", `"name": "a", "resources": {"limits": {"cpu": "100m"}}`, true},
		{"quantity as number", `"name": "a", "resources": {"limits": {"cpu": 2, "memory": 1.5}}`, true},
		{"quantity as boolean", `"name": "a", "resources": {"limits": {"cpu": true}}`, false},
		{"port name", `"name": "a", "livenessProbe": {"httpGet": {"port": "http"}}`, true},
		{"port number", `"name": "a", "livenessProbe": {"httpGet": {"port": 80}}`, true},
		{"port null", `"name": "a", "livenessProbe": {"httpGet": {"port": null}}`, false},
		{"unknown field", `"name": "a", "imagee": "b"`, false},
		{"number for text", `"name": "a", "env": [{"name": "x", "value": 1}]`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			document := `{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d", "creationTimestamp": null},
				"spec": {"selector": {}, "template": {"spec": {"containers": [{` + test.container + `}]}}}}`
			if got := accepts(t, deployment, document); got != test.good {
				t.Errorf("accepted: %v, want %v", got, test.good)
			}
		})
	}
}
