package conform_test

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"kasou/pipelines/conform"
	"kasou/pipelines/manifest"
)

const widgetCRD = `# the widget
---
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
          properties:
            spec: {type: object, required: [size], properties: {size: {type: integer}}}
`

const widgetSchema = `{"type": "object", "properties": {"spec": {"$ref": "REF"}},
	"definitions": {"spec": {"type": "object", "required": ["size"], "additionalProperties": false, "properties": {"size": {"type": "integer"}}}}}`

func schemaTo(ref string) string { return strings.Replace(widgetSchema, "REF", ref, 1) }

const widgets = `apiVersion: example.com/v1
kind: Widget
metadata: {name: good}
spec: {size: 1}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: bad}
spec: {size: big}
`

func TestOwnSchemas(t *testing.T) {
	local := schemaTo("#/definitions/spec")
	tests := map[string]struct {
		entry string
		files map[string]string
	}{
		"CRD file":                 {"crds/widget.yaml", map[string]string{"crds/widget.yaml": widgetCRD}},
		"folder with a CRD":        {"crds/", map[string]string{"crds/deep/widget.yml": widgetCRD, "crds/README.md": "x"}},
		"JSON schema file":         {"s/widget-example-v1.json", map[string]string{"s/widget-example-v1.json": local}},
		"openapi2jsonschema name":  {"s/widget_v1.json", map[string]string{"s/widget_v1.json": local}},
		"folder in kubeconform's":  {"s", map[string]string{"s/widget-example-v1.json": local}},
		"folder by group":          {"./s", map[string]string{"s/example.com/widget_v1.json": local}},
		"folder with a definition": {"s", map[string]string{"s/widget-example-v1.json": schemaTo("_definitions.json#/definitions/spec"), "s/_definitions.json": local}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, test.files)
			schemas, findings, err := found(fleetOf("1.34.1", root, test.entry), cache)
			if err != nil || len(findings) > 0 {
				t.Fatal(findings, err)
			}
			got := check(t, schemas, manifest.Files{"a.yaml": []byte(widgets)})
			if len(got) != 1 || got[0].Line != 9 || !strings.Contains(got[0].Message, "Widget bad: spec.size: is a string, must be an integer") {
				t.Errorf("findings %v", got)
			}
		})
	}
}

func TestOwnSchemasThatCannotBeUsed(t *testing.T) {
	var dialled atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		dialled.Add(1)
		_, _ = w.Write([]byte(widgetSchema))
	}))
	defer server.Close()
	tests := map[string]struct{ entry, file, content, want string }{
		"not there":         {"nowhere", "x", "", "nowhere does not exist"},
		"outside":           {"../x", "x", "", "not a path inside the repo"},
		"absolute":          {"/etc", "x", "", "not a path inside the repo"},
		"an address":        {"https://example.com/x.json", "x", "", "does not exist"},
		"empty folder":      {"s", "s/README.md", "x", "no schema in it"},
		"neither":           {"s/x.txt", "s/x.txt", "x", "neither .json nor .yaml"},
		"not a CRD":         {"s/x.yaml", "s/x.yaml", goodService, "no CustomResourceDefinition"},
		"not JSON":          {"s/w_v1.json", "s/w_v1.json", "{", "not JSON"},
		"not a schema":      {"s/w_v1.json", "s/w_v1.json", "[]", "no JSON schema"},
		"bad schema":        {"s/w_v1.json", "s/w_v1.json", `{"type": 1}`, "w_v1.json"},
		"no telling name":   {"s/w.json", "s/w.json", "{}", "which kind it is for"},
		"over the network":  {"s", "s/w_v1.json", schemaTo(server.URL + "/x.json"), "outside of its folder"},
		"id on the network": {"s", "s/w_v1.json", `{"id": "` + server.URL + `/w.json", "not": {"$ref": "other.json"}}`, "outside of its folder"},
		"a file elsewhere":  {"s", "s/w_v1.json", schemaTo("file:///etc/passwd"), "outside of its folder"},
		"a file above":      {"s", "s/w_v1.json", schemaTo("../../x.json"), "w_v1.json"},
		"a missing file":    {"s", "s/w_v1.json", schemaTo("x.json"), "x.json, which is not there"},
		"a bad pattern":     {"s", "s/w_v1.json", `{"properties": {"a": {"pattern": "("}}}`, "w_v1.json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			write(t, root, map[string]string{test.file: test.content})
			_, findings, err := found(fleetOf("1.34.1", root, test.entry), cache)
			if err != nil || len(findings) != 1 || findings[0].Rule != conform.RuleSchema {
				t.Fatal(findings, err)
			}
			if !strings.Contains(findings[0].Message, test.want) || findings[0].Hint == "" {
				t.Errorf("%s, want %q", findings[0].Message, test.want)
			}
		})
	}
	if dialled.Load() > 0 {
		t.Error("a schema was fetched from the network")
	}
}

// A schema of fleet.yaml does not say what Kubernetes' own kinds are; of Argo CD's and
// others it may.
func TestOwnSchemasLeaveKubernetesAlone(t *testing.T) {
	root := t.TempDir()
	const anything = `{"type": "object"}`
	write(t, root, map[string]string{"s/configmap-v1.json": anything, "s/configmap.json": anything, "s/application-argoproj-v1alpha1.json": anything})
	const text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nfoo: bar\n---\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {foo: bar}\n"
	for version, want := range map[string]int{"1.34.1": 1, "1.99.0": 0} { // the second is not known: what fleet.yaml has may be newer
		schemas, findings, err := found(fleetOf(version, root, "s"), cache)
		if err != nil || findings.Failed() {
			t.Fatal(findings, err)
		}
		found := check(t, schemas, manifest.Files{"a.yaml": []byte(text)})
		if len(found) != want || want > 0 && found[0].Line != 4 {
			t.Errorf("%s: %v", version, found)
		}
	}
}

// By the scope is decided what may leave a cluster's namespace: a definition that is known
// otherwise is refused, and so are two that differ.
func TestOwnSchemasThatContradict(t *testing.T) {
	// defined returns a definition: of KIND.GROUP, with a scope and a type of spec.size.
	defined := func(kind, group, scope, size string) string {
		return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: x}\nspec:\n  group: " + group + "\n  scope: " + scope +
			"\n  names: {kind: " + kind + "}\n  versions: [{name: v1, served: true, schema: {openAPIV3Schema: {type: object, properties: {spec: {type: object, properties: {size: {type: " + size + "}}}}}}}]\n"
	}
	widget := defined("Widget", "example.com", "Namespaced", "integer")
	cluster, other := defined("Widget", "example.com", "Cluster", "integer"), defined("Widget", "example.com", "Namespaced", "string")
	for name, test := range map[string]struct{ one, two, want string }{
		"the same twice":        {widget, widget, ""},
		"two kinds":             {widget, defined("Gadget", "example.com", "Cluster", "string"), ""},
		"another scope":         {widget, cluster, "objects of Widget.example.com have no namespace (spec.scope: Cluster), and "},
		"another schema":        {widget, other, "not the same"},
		"no scope":              {defined("Widget", "example.com", `""`, "integer"), "", `spec.scope of Widget.example.com is "": it is Cluster or Namespaced`},
		"a scope in lower case": {defined("Widget", "example.com", "cluster", "integer"), "", "it is Cluster or Namespaced"},
		"an issuer of the whole host in a corner":   {defined("ClusterIssuer", "cert-manager.io", "Namespaced", "integer"), "", "one.yaml:1: objects of ClusterIssuer.cert-manager.io have a namespace (spec.scope: Namespaced), and kasou knows the opposite"},
		"a role of Kubernetes":                      {defined("ClusterRole", "rbac.authorization.k8s.io", "Namespaced", "integer"), "", "and kasou knows the opposite"},
		"a bundled kind":                            {defined("Application", "argoproj.io", "Cluster", "integer"), "", "and kasou knows the opposite"},
		"a kind of Kubernetes'":                     {defined("Deployment", "apps", "Cluster", "integer"), "", "and kasou knows the opposite"},
		"a kind that is new in a group that is not": {defined("ClusterThing", "cert-manager.io", "Cluster", "integer"), "", ""},
	} {
		for _, entries := range [][]string{{"s"}, {"s/one.yaml", "s/two.yaml"}} {
			root := t.TempDir()
			write(t, root, map[string]string{"s/one.yaml": test.one, "s/two.yaml": cmp.Or(test.two, test.one)})
			_, findings, err := found(fleetOf("1.34.1", root, entries...), cache)
			if err != nil {
				t.Fatal(err)
			}
			said := fmt.Sprint(findings)
			if (test.want == "") != (len(findings) == 0) || !strings.Contains(said, test.want) {
				t.Errorf("%s, %v: %s", name, entries, said)
			}
		}
	}
}

// Argo CD deploys the items of whatever has a list of them: such a document is refused, of a
// chart too, however its schema allows it.
func TestItemsBesideAKind(t *testing.T) {
	root := t.TempDir()
	const anything = `{"type": "object"}`
	write(t, root, map[string]string{"s/widget-example-v1.json": anything, "s/allowlist-example-v1.json": anything})
	schemas, findings, err := found(fleetOf("1.34.1", root, "s"), cache)
	if err != nil || len(findings) > 0 {
		t.Fatal(findings, err)
	}
	for text, want := range map[string]int{
		"kind: Widget\nmetadata: {name: a}\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: b}}]\n": 1,
		"kind: Widget\nmetadata: {name: a}\nitems: []\n":                                                    1,
		"kind: AllowList\nmetadata: {name: a}\nitems: []\n":                                                 1,
		"kind: Widget\nmetadata: {name: a}\nitems: {a: b}\n":                                                0,
		"kind: Widget\nmetadata: {name: a}\nspec: {items: [a]}\n":                                           0,
	} {
		got := check(t, schemas, manifest.Files{"a.yaml": []byte("apiVersion: example.com/v1\n" + text)})
		if len(got) != want || want > 0 && (got[0].Rule != conform.RuleNotAnObject || got[0].Line != 4) {
			t.Errorf("%q: %v", text, got)
		}
	}
}
