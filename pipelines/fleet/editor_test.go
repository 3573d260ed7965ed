package fleet_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"kasou/internal/charttest"
	"kasou/internal/upstream"
	"kasou/pipelines/chart"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
)

// editorSchema compiles the schema that editors get of a chart, as draft-07 and without a
// network.
func editorSchema(t *testing.T, ch toolchain.Chart) (*jsonschema.Schema, string) {
	t.Helper()
	values, err := chart.ValuesSchema(ch, fleet.ValuesSchemaBase())
	if err != nil {
		t.Fatal(err)
	}
	data, err := fleet.SpecSchemaFor("sha256:1", values)
	if err != nil {
		t.Fatal(err)
	}
	if !fleet.IsSpecSchemaFor(data) || fleet.IsSpecSchemaFor([]byte("{}")) || fleet.IsSpecSchemaFor([]byte("no")) {
		t.Error("kasou does not know its own schema")
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(jsonschema.SchemeURLLoader{})
	if err := c.AddResource("spec.json", parsed); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("spec.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled, string(data)
}

func valid(t *testing.T, s *jsonschema.Schema, values string) error {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte("apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: dev}\nspec:\n  values: " + values + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(parsed)
}

// The charts with a schema of their own refuse what they do not know; those before tell
// what their comments say, and refuse a text for a switch.
func TestEditorSchemaOfRealCharts(t *testing.T) {
	for name, test := range map[string]struct{ good, bad, described string }{
		"vcluster-0.4.3":      {"{ingress: {enabled: true, annotations: {a: b}}, storage: {size: 1Gi}}", "{ingress: {enabled: maybe}}", "Syncer configuration"},
		"vcluster-0.19.7":     {"{syncer: {extraArgs: [a], resources: {}}, securityContext: {runAsUser: 0}}", "{syncer: {extraArgs: a}}", "Syncer configuration"},
		"vcluster-k8s-0.19.7": {"{api: {image: x}, unknown: 1}", "{sync: {services: {enabled: 'yes'}}}", "Syncer configuration"},
		"vcluster-0.20.4":     {"{controlPlane: {ingress: {enabled: true}}}", "{controlPlane: {ingres: {}}}", "ControlPlane"},
		"vcluster-0.30.0":     {"{controlPlane: {statefulSet: {scheduling: {priorityClassName: x}}}}", "{sync: {toHost: {pods: {enabled: 7}}}}", "Sync describes"},
		"vcluster-0.36.1":     {"{}", "{controlPlan: {}}", "ControlPlane"},
	} {
		t.Run(name, func(t *testing.T) {
			archive, err := os.ReadFile(upstream.Chart(t, name))
			if err != nil {
				t.Fatal(err)
			}
			s, text := editorSchema(t, toolchain.Chart{Archive: archive, Source: name})
			if err := valid(t, s, test.good); err != nil {
				t.Errorf("%s: %v", test.good, err)
			}
			if valid(t, s, test.bad) == nil {
				t.Errorf("%s passes", test.bad)
			}
			if !strings.Contains(text, test.described) {
				t.Errorf("%q is not in it", test.described)
			}
		})
	}
}

// Nothing in a chart's schema makes an editor dial, or breaks the spec's.
func TestEditorSchemaOfHostileCharts(t *testing.T) {
	for name, test := range map[string]struct {
		files     map[string]string
		good, bad string
	}{
		"references out of it": {map[string]string{"values.schema.json": `{"$id":"http://example.com/x","properties":{"a":{"$ref":"http://example.com/a"},"b":{"$ref":"file:///etc/passwd"},"c":{"$ref":"#/$defs/c"}},"$defs":{"c":{"type":"string"}}}`},
			"{a: 1, b: 1, c: x}", "{c: 1}"},
		"required":              {map[string]string{"values.schema.json": `{"required":["a"],"properties":{"a":{"required":["b"],"properties":{"required":{"type":"boolean"}}}}}`}, "{a: {required: true}}", "{a: {required: 1}}"},
		"a default that is one": {map[string]string{"values.schema.json": `{"properties":{"a":{"default":{"$ref":"http://x","required":["y"]},"type":"object"}}}`}, "{a: {}}", "{a: 1}"},
		"no values at all":      {map[string]string{"values.yaml": ""}, "{a: 1}", "7"},
		"aliases":               {map[string]string{"values.yaml": "a: &a {b: true}\nc: *a\nd: [*a]\n"}, "{c: 1, d: []}", "{a: {b: 1}}"},
		"comments":              {map[string]string{"values.yaml": "# -- Of\n# a.\na: # behind\n  b: {}\n  c: null\n"}, "{a: {b: {x: 1}, c: 7}}", "{a: {b: x}}"},
	} {
		t.Run(name, func(t *testing.T) {
			s, text := editorSchema(t, charttest.Pack(t, test.files))
			if err := valid(t, s, test.good); err != nil {
				t.Errorf("%s: %v", test.good, err)
			}
			if valid(t, s, test.bad) == nil {
				t.Errorf("%s passes", test.bad)
			}
			if name == "comments" && !strings.Contains(text, `"description": "Of\na.\nbehind"`) {
				t.Errorf("no description in %s", text)
			}
		})
	}
	for _, broken := range []map[string]string{{"values.schema.json": "["}, {"values.schema.json": "7"}, {"values.yaml": "a: ["}} {
		if s, err := chart.ValuesSchema(charttest.Pack(t, broken), "#"); err == nil {
			t.Errorf("%v: %v", broken, s)
		}
	}
}

func TestModeline(t *testing.T) {
	for text, want := range map[string]string{
		"# yaml-language-server: $schema=../spec.schema.json\na: 1\n":             "# yaml-language-server: $schema=../spec.x-1.schema.json\na: 1\n",
		"# yaml-language-server: $schema=../spec.vcluster-0.4.3.schema.json\r\na": "# yaml-language-server: $schema=../spec.x-1.schema.json\r\na",
		"a: 1\n": "a: 1\n",
		"# yaml-language-server: $schema=https://example.com/spec.schema.json\na:": "# yaml-language-server: $schema=https://example.com/spec.schema.json\na:",
		"": "",
	} {
		if got := string(fleet.WithModeline([]byte(text), "spec.x-1.schema.json")); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := fleet.SpecSchemaFileFor("../x", "1/2"); got != "spec..._x-1_2.schema.json" || !fleet.IsSpecSchemaName("spec.a-1.schema.json") || fleet.IsSpecSchemaName("spec.schema.json") || fleet.IsSpecSchemaName("x.schema.json") {
		t.Errorf("names: %s", got)
	}
}
