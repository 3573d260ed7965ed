package embedded_test

import (
	"strings"
	"testing"

	"kasou/internal/charttest"
	"kasou/pipelines/toolchain/embedded"
)

// configMap is a document named name with one more line below data.
func configMap(name, line string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\ndata:\n  " + line + "\n"
}

func hook(kind, events, weight string) string {
	return "apiVersion: batch/v1\nkind: " + kind + "\nmetadata:\n  name: h\n  annotations:\n    helm.sh/hook: " + events + "\n    helm.sh/hook-weight: \"" + weight + "\"\n"
}

const subchartYAML = "apiVersion: v2\nname: sub\nversion: 0.1.0\n"

var syntheticCharts = []struct {
	name, values string
	files        map[string]string
	// fails is what the error must say; empty where both must render.
	fails string
}{
	{name: "hooks, tests and a hook beside a manifest", files: map[string]string{
		"templates/a.yaml":    configMap("a", "x: y") + "---\n" + hook("Job", "pre-install,post-upgrade", "5"),
		"templates/b.yaml":    hook("Job", "post-install", "-3") + "---\n" + hook("Pod", "post-install", "-4"),
		"templates/test.yaml": hook("Pod", "test", "0") + "---\n" + hook("Pod", "test-success", "0"),
		"templates/odd.yaml":  hook("Pod", "someday", "0") + "---\n" + configMap("odd", "x: y"),
	}},
	{name: "crds", files: map[string]string{
		"crds/one.yaml":     "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: a.b}\n---\n{{ not a template }}\n",
		"crds/deep/two.yml": "x: y",
		"crds/three.JSON":   "{}\n",
		"crds/README.md":    "no CRD",
		"templates/a.yaml":  configMap("a", "x: y"),
	}},
	{name: "notes and helpers", files: map[string]string{
		"templates/NOTES.txt":          "hello {{ .Release.Name }}",
		"templates/deep/MY-NOTES.txt":  "kind: lost\n",
		"templates/_helpers.tpl":       `{{ define "n" }}{{ .Chart.Name }}-{{ .Release.Name | trunc 63 }}{{ end }}`,
		"templates/a.yaml":             configMap(`{{ include "n" . }}`, "t: {{ .Template.Name }} {{ .Template.BasePath }}"),
		"templates/plain.txt":          configMap("txt", "revision: {{ .Release.Revision | quote }}"),
		"templates/deep/down/too.yaml": configMap("b", `all: "{{ .Release.Namespace }}{{ .Release.IsInstall }}{{ .Release.IsUpgrade }}{{ .Release.Service }}"`),
	}},
	{name: "several and empty documents, CRLF", files: map[string]string{
		"templates/many.yaml":    "\n---\n---\n" + configMap("z", "x: y") + "--- # said\n# only a comment\n---\n\n" + configMap("a", "x: y") + "\n---\n",
		"templates/crlf.yaml":    strings.ReplaceAll(configMap("c", "x: y")+"---\n"+configMap("d", "x: y"), "\n", "\r\n"),
		"templates/empty.yaml":   "  \n",
		"templates/comment.yaml": "# nothing\n",
		"templates/kinds.yaml":   "kind: Service\n---\nkind: Namespace\n---\nkind: Odd\n---\nkind: Deployment\n---\nkind: ServiceAccount\n",
	}},
	{name: "numbers, booleans, null", values: "big: 12345678901234567890\nint: 1234567\nfloat: 1.10\nexp: 1e6\noct: 0755\nyes1: yes\nno1: off\ngone: null\nnested: {gone: null, new: null}\n", files: map[string]string{
		"values.yaml":      "big: 1\ngone: {a: b}\nnested: {gone: 1, kept: 12345678}\nown: null\nlist: [1, 2.0, y]\n",
		"templates/a.yaml": configMap("a", "v: {{ .Values | toJson | squote }}\n  i: {{ .Values.int }} {{ .Values.big }} {{ .Values.float }} {{ .Values.nested.kept }}\n  y: |\n    {{- .Values | toYaml | nindent 4 }}\n  t: |\n    {{- toToml .Values.list | nindent 4 }}"),
	}},
	{name: "values merged at every depth", values: "t: {a: {b: {c: own, new: 1}, gone: null, flat: 1, table: {x: 1}, none: {y: 2}, empty: {}}, nothing: {z: null}}\nflat: {a: 1}\ntable: 1\nalone: {a: {b: null}}\nempty: {}\n", files: map[string]string{
		"values.yaml":      "t: {a: {b: {c: 1, kept: {d: [e, null], f: null}}, gone: {h: 1}, flat: {i: 1}, table: text, none: null, empty: {j: {k: 1}}}, nothing: {z: null, l: {}}, kept: {m: 1}}\nflat: text\ntable: {n: 1}\nempty: {o: {p: 1}}\nother: {q: {r: null}}\n",
		"templates/a.yaml": configMap("a", "v: {{ .Values | toJson | squote }}"),
	}},
	{name: "files and capabilities", files: map[string]string{
		"conf/a.ini":       "a=1\nb=2\n",
		"conf/b.ini":       "c=3",
		"templates/a.yaml": configMap("a", "{{ (.Files.Glob \"conf/*\").AsConfig | nindent 2 }}\n  s: {{ .Files.Get \"conf/a.ini\" | b64enc }}\n  n: {{ .Files.Get \"templates/a.yaml\" | len }}\n{{ range .Files.Lines \"conf/a.ini\" }}  l{{ . | replace \"=\" \": \" }}\n{{ end }}"),
		"templates/b.yaml": configMap("b", "k: {{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Major }} {{ .Capabilities.KubeVersion.Minor }}\n  has: {{ .Capabilities.APIVersions.Has \"batch/v1\" }} {{ .Capabilities.APIVersions.Has \"apiextensions.k8s.io/v1\" }} {{ .Capabilities.APIVersions.Has \"no/v1\" }}\n  helm: {{ .Capabilities.HelmVersion.Version }}\n  all: {{ .Capabilities.APIVersions | toJson }}"),
		"templates/c.yaml": configMap("c", "lookup: '{{ lookup \"v1\" \"Secret\" \"a\" \"b\" | toJson }}'\n  dns: '{{ getHostByName \"localhost\" }}'\n  chart: '{{ .Chart | toJson }}'"),
	}},
	{name: "Kubernetes version too new for the chart", fails: "kubeVersion", files: map[string]string{
		"Chart.yaml": charttest.ChartYAML + "kubeVersion: '<1.30.0'\n", "templates/a.yaml": configMap("a", "x: y"),
	}},
	{name: "library chart itself", fails: "library", files: map[string]string{"Chart.yaml": charttest.ChartYAML + "type: library\n"}},
	{name: "deprecated chart", files: map[string]string{"Chart.yaml": charttest.ChartYAML + "deprecated: true\n", "templates/a.yaml": configMap("a", "x: y")}},
	{name: "dependency not in the archive", fails: "sub", files: map[string]string{
		"Chart.yaml": charttest.ChartYAML + "dependencies: [{name: sub, version: '*', repository: ''}]\n",
	}},
	{name: "subcharts: conditions, tags, aliases, globals, imports", values: "sub: {on: false}\ntags: {extra: true}\nother: {x: from-user}\nglobal: {g: user}\nsecond: {enabled: true}\n", files: map[string]string{
		"Chart.yaml": charttest.ChartYAML + `dependencies:
- {name: sub, version: '>0', condition: sub.on}
- {name: sub, version: '>0', alias: second, condition: second.enabled}
- {name: sub, version: '>0', alias: other, tags: [extra], import-values: [data, {child: inner, parent: taken}]}
- {name: lib, version: '*'}
`,
		"values.yaml":                      "global: {g: parent, h: {i: 1}}\nsub: {on: true}\ntaken: {a: parent}\n",
		"templates/a.yaml":                 configMap("a", "v: {{ .Values | toJson | squote }}\n  s: {{ keys .Subcharts | sortAlpha | join \",\" }}\n  lib: {{ include \"lib.name\" . }}"),
		"charts/sub/Chart.yaml":            subchartYAML,
		"charts/sub/values.yaml":           "x: default\ninner: {a: sub, b: null}\nexports: {data: {exported: 1}}\nglobal: {own: 1}\n",
		"charts/sub/crds/c.yaml":           "kind: C\n",
		"charts/sub/templates/s.yaml":      configMap("{{ .Chart.Name }}", "v: {{ .Values | toJson | squote }}\n  lib: {{ include \"lib.name\" . }}\n  root: {{ .Chart.IsRoot }}"),
		"charts/sub/templates/NOTES.txt":   "sub notes",
		"charts/lib/Chart.yaml":            "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
		"charts/lib/templates/_l.tpl":      `{{ define "lib.name" }}lib-{{ .Release.Name }}{{ end }}`,
		"charts/lib/templates/ignore.yaml": configMap("never", "x: y"),
	}},
	{name: "subchart that nobody listed", values: "sub: {x: 2}\n", files: map[string]string{
		"charts/sub/Chart.yaml": subchartYAML, "charts/sub/templates/s.yaml": configMap("s", "x: {{ .Values.x | quote }}"),
	}},
	{name: "schema met", values: "num: 3\n", files: map[string]string{
		"values.schema.json": `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"num":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"integer","maximum":5}}}`,
		"templates/a.yaml":   configMap("a", "n: {{ .Values.num | quote }}"),
	}},
	{name: "schema broken by a value", fails: "a.b", values: "a: {b: text}\n", files: map[string]string{
		"values.schema.json": `{"properties":{"a":{"properties":{"b":{"type":"integer"}}}}}`,
	}},
	{name: "schema of a subchart", fails: "sub.num", values: "sub: {num: text}\n", files: map[string]string{
		"charts/sub/Chart.yaml": subchartYAML, "charts/sub/values.schema.json": `{"properties":{"num":{"type":"integer"}}}`,
	}},
	{name: "schema with an unknown urn", values: "num: 1\n", files: map[string]string{
		"values.schema.json": `{"properties":{"num":{"$ref":"urn:example:none"}}}`, "templates/a.yaml": configMap("a", "x: y"),
	}},
	{name: "schema that is none", fails: "values.schema.json", values: "num: 1\n", files: map[string]string{
		"values.schema.json": `{"type": 12}`, "templates/a.yaml": configMap("a", "x: y"),
	}},
	{name: "required", fails: "give me a name", files: map[string]string{"templates/a.yaml": configMap("a", `n: {{ required "give me a name" .Values.name }}`)}},
	{name: "fail in a helper", fails: "no such mode", files: map[string]string{
		"templates/_h.tpl": "\n{{ define \"f\" }}\n{{ fail \"no such mode\" }}{{ end }}", "templates/a.yaml": configMap("a", `n: {{ include "f" . }}`),
	}},
	{name: "template that does not parse", fails: "a.yaml", files: map[string]string{"templates/a.yaml": "x: {{ if }}\n"}},
	{name: "env is not a function", fails: "env", files: map[string]string{"templates/a.yaml": "x: {{ env \"HOME\" }}\n"}},
	{name: "rendered text that is not YAML", fails: "a.yaml", files: map[string]string{"templates/a.yaml": "x: [\n"}},
	{name: "values that are a list", fails: "values", values: "- a\n", files: map[string]string{"templates/a.yaml": configMap("a", "x: y")}},
	{name: "values that are not YAML", fails: "values", values: "a: b: c\n", files: map[string]string{"templates/a.yaml": configMap("a", "x: y")}},
	{name: "include as deep as Helm allows", files: map[string]string{
		"templates/a.yaml": `{{ define "r" }}{{ range (list 1) }}{{ with $ }}{{ if true }}{{ with $ }}{{ if lt (int .d) 990 }}{{ include "r" (dict "d" (add (int .d) 1)) | trim | nindent 0 }}{{ else }}end{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}{{ end }}x: "{{ include "r" (dict "d" 0) }}"`,
	}},
	{name: "include without end", fails: "nested reference", files: map[string]string{
		"templates/a.yaml": `{{ define "r" }}{{ include "r" . }}{{ end }}x: {{ include "r" . }}`,
	}},
}

func TestSyntheticChartsRenderAsHelmDoes(t *testing.T) {
	tc := newToolchain(t, embedded.Options{})
	for _, c := range syntheticCharts {
		t.Run(c.name, func(t *testing.T) {
			files, err := sameAsHelm(t, tc, release(charttest.Pack(t, c.files), c.values))
			switch {
			case c.fails == "" && len(files) == 0:
				t.Error("nothing was rendered")
			case c.fails != "" && err == nil:
				t.Error("it renders")
			case err != nil && !strings.Contains(err.Error(), c.fails):
				t.Errorf("error %q does not say %q", err, c.fails)
			}
		})
	}
}

func TestARenderLeavesNothingForTheNext(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	ch := charttest.Pack(t, map[string]string{
		"Chart.yaml":                  charttest.ChartYAML + "dependencies: [{name: sub, version: '>0', condition: sub.on, import-values: [data]}]\n",
		"values.yaml":                 "a: {b: c}\nsub: {on: true}\n",
		"templates/a.yaml":            configMap("a", `{{ $_ := set .Values.a "b" .Values.own }}v: {{ .Values | toJson | squote }}`),
		"charts/sub/Chart.yaml":       subchartYAML,
		"charts/sub/values.yaml":      "exports: {data: {x: y}}\n",
		"charts/sub/templates/s.yaml": configMap("s", "x: y"),
	})
	for _, values := range []string{"own: one\n", "own: two\nsub: {on: false}\n", "own: null\n", "own: one\n"} {
		if _, err := sameAsHelm(t, tc, release(ch, values)); err != nil {
			t.Fatal(err)
		}
	}
}

// Templates that are kept see what Helm's own Render lets them see: each other's
// changes within a release, and nothing of another one, not even of one that
// failed.
func TestKeptTemplatesLeaveNothingForTheNext(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	ch := charttest.Pack(t, map[string]string{
		"values.yaml":           "a: {b: c}\n",
		"templates/_set.tpl":    `{{ define "set" }}{{ $_ := set . "Found" .Values.own }}{{ $_ := set .Values.a "b" .Values.own }}{{ $_ := set .Release "Own" .Values.own }}{{ $_ := set .Subcharts "x" .Values.own }}{{ end }}`,
		"templates/a/deep.yaml": configMap("a", `d: "{{ .Found }} {{ .Template.Name }}"{{ include "set" . }}`),
		"templates/b.yaml":      configMap("b", `v: '{{ toJson .Values }} {{ .Found }} {{ toJson .Release }} {{ toJson .Subcharts }}'`),
		"templates/c.yaml":      configMap("c", `v: {{ tpl .Values.text . | quote }}{{ if .Values.bad }}{{ fail "bad" }}{{ end }}`),
	})
	for _, c := range []struct {
		values string
		fails  bool
	}{
		{"own: one\ntext: '{{ define \"x\" }}1{{ end }}{{ include \"x\" . }}'\n", false},
		{"own: two\ntext: '{{ include \"x\" . }}'\n", true}, // defined by the one before, and gone
		{"own: three\ntext: '{{ .Found }}'\nbad: true\n", true},
		{"text: '{{ .Found }}'\n", false},
		{"own: one\ntext: '{{ include \"set\" . }}{{ .Release.Own }}'\n", false},
	} {
		if _, err := sameAsHelm(t, tc, release(ch, c.values)); (err != nil) != c.fails {
			t.Errorf("%s: %v", c.values, err)
		}
	}
}
