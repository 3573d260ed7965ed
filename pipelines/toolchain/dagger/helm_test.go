package dagger

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"kasou/internal/charttest"
	"kasou/internal/upstream"
	"kasou/pipelines/toolchain"
)

func TestEveryUpstreamChartRendersTheSame(t *testing.T) {
	e, d := both(t)
	var group errgroup.Group
	for _, path := range upstream.All(t) {
		chart := chartFile(t, path)
		for _, values := range []string{"", "ingress: {enabled: true, host: a.example.com}\n", "serviceCIDR: 10.96.0.0/12\nenableHA: true\n", "controlPlane: {ingress: {enabled: true, host: b}}\n", "a: [\n"} {
			group.Go(func() error {
				same(t, path, e, d, release(chart, values))
				return nil
			})
		}
	}
	_ = group.Wait()
}

// same renders with both and wants the same files, or the same fault.
func same(t *testing.T, name string, e, d toolchain.Helm, r toolchain.Release) {
	want, wantErr := e.Template(t.Context(), r)[0].Get()
	got, gotErr := d.Template(t.Context(), r)[0].Get()
	var wantFault, gotFault *toolchain.ChartError
	if errors.As(wantErr, &wantFault) != errors.As(gotErr, &gotFault) {
		t.Errorf("%s with %q: embedded says %v\ndagger says %v", name, r.Values, wantErr, gotErr)
		return
	}
	if wantFault != nil {
		if wantFault.Template != gotFault.Template || wantFault.Line != gotFault.Line {
			t.Errorf("%s: at %s:%d, want %s:%d", name, gotFault.Template, gotFault.Line, wantFault.Template, wantFault.Line)
		}
		if diff := cmp.Diff(wantFault.Values, gotFault.Values); diff != "" {
			t.Errorf("%s with %q: problems (-embedded +dagger):\n%s", name, r.Values, diff)
		}
		return
	}
	if gotErr != nil || wantErr != nil {
		t.Errorf("%s: embedded says %v, dagger says %v", name, wantErr, gotErr)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s with %q: files (-embedded +dagger):\n%s", name, r.Values, diff)
	}
}

func TestFaultsAreTheSame(t *testing.T) {
	e, d := both(t)
	schema := `{"additionalProperties":false,"properties":{
		"a":{"type":"object","properties":{"b":{"type":"integer"}, "it's/~":{"type":"string"}}},
		"either":{"anyOf":[{"type":"integer"},{"enum":["x","z"]}]},
		"list":{"items":{"type":"boolean"}}}}`
	for _, c := range []struct {
		name, values string
		files        map[string]string
	}{
		{"nothing to render", "", nil},
		{"a template that fails", "", map[string]string{"templates/a.yaml": "a: b\nx: {{ fail \"no\" }}\n"}},
		{"an include that fails", "list: [1]\n", map[string]string{
			"templates/a.yaml": "x: y\nz: {{ include \"h\" . }}\n",
			"templates/_h.tpl": "{{ define \"h\" }}\n\n{{ index .Values.list 5 }}{{ end }}"}},
		{"a template that does not parse", "", map[string]string{"templates/a.yaml": "a: b\nx: {{ nope }}\n"}},
		{"output that is not YAML", "", map[string]string{"templates/a.yaml": "kind: A\na: [\n"}},
		{"values that break the schema", "a: {b: text, \"it's/~\": 1}\neither: w\nlist: [true, 1]\nodd: 1\nodder: 1\n", map[string]string{"values.schema.json": schema}},
		{"a kube version that does not fit", "", map[string]string{"Chart.yaml": charttest.ChartYAML + "kubeVersion: '>= 2'\n"}},
		{"a library chart", "", map[string]string{"Chart.yaml": charttest.ChartYAML + "type: library\n"}},
		{"dependencies that lack", "", map[string]string{"Chart.yaml": charttest.ChartYAML + "dependencies: [{name: d, version: 1.0.0, repository: 'https://a.example.com'}]\n"}},
		{"hooks, CRDs, tests and notes", "", map[string]string{
			"crds/a.yaml": "kind: C\n", "templates/NOTES.txt": "hello", "templates/t.yaml": "kind: T\nmetadata: {annotations: {helm.sh/hook: test}}\n",
			"templates/h.yaml": "kind: H\nmetadata: {annotations: {helm.sh/hook: pre-install}}\n", "templates/sub/x.yaml": configMap("x", "a: ä")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ch := charttest.Pack(t, c.files)
			ch.Name = "c"
			same(t, c.name, e, d, release(ch, c.values))
		})
	}
}

func configMap(name, data string) string {
	return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: " + name + "\ndata:\n  " + data + "\n"
}

func TestSubchartSchemasNameTheSubchart(t *testing.T) {
	e, d := both(t)
	ch := charttest.Pack(t, map[string]string{"charts/sub/Chart.yaml": strings.Replace(charttest.ChartYAML, "name: c", "name: sub", 1),
		"charts/sub/values.schema.json": `{"properties":{"n":{"type":"integer"}}}`, "values.schema.json": `{"required":["top"]}`})
	same(t, "sub", e, d, release(ch, "sub: {n: x}\n"))
}

func TestAHostileChartFailsAlone(t *testing.T) {
	d := connected(t)
	for _, c := range []struct{ name, template, says string }{
		{"tpl that calls itself", `x: {{ tpl .Values.loop . }}`, "recurse without end"},
		{"nothing at all", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := d.Template(t.Context(), release(charttest.Pack(t, map[string]string{"templates/a.yaml": c.template}), "loop: '{{ tpl .Values.loop . }}'\n"))[0].Get()
			var fault *toolchain.ChartError
			switch {
			case c.says == "" && err != nil:
				t.Error(err)
			case c.says != "" && (!errors.As(err, &fault) || !strings.Contains(fault.Message, c.says)):
				t.Errorf("error %v does not say %q", err, c.says)
			}
		})
	}
}

// Both toolchains name the same causes, and give files all the same.
func TestChartsThatDifferAreTheSame(t *testing.T) {
	e, d := both(t)
	for _, x := range []string{"{{ randAlphaNum 20 }}", "{{ tpl \"{{ now }}\" . | quote }}", "{{ .Capabilities.APIVersions | toJson }}", "a"} {
		r := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: "+x)}), "")
		r.Determinism = true
		_, want := e.Template(t.Context(), r)[0].Get()
		files, got := d.Template(t.Context(), r)[0].Get()
		if diff := cmp.Diff(want, got); diff != "" || len(files) != 1 || (want == nil) != (x == "a") {
			t.Errorf("%s: files %v, error (-embedded +dagger):\n%s", x, files.Paths(), diff)
		}
	}
}

func TestArgumentsAreNotTheChartsFault(t *testing.T) {
	_, d := both(t)
	for _, r := range []toolchain.Release{
		{Name: "dev", Namespace: "a", KubeVersion: "one", Chart: charttest.Pack(t, nil)},
		{Name: "Dev_", Namespace: "a", KubeVersion: "1.34.1", Chart: charttest.Pack(t, nil)},
		{Name: "dev", Namespace: "a", KubeVersion: "1.34.1", Chart: toolchain.Chart{Archive: []byte("x")}},
	} {
		var fault *toolchain.ChartError
		if _, err := d.Template(t.Context(), r)[0].Get(); err == nil || errors.As(err, &fault) {
			t.Errorf("%s %s: %v", r.Name, r.KubeVersion, err)
		}
	}
}

func TestATemplateThatDoesNotEndIsStopped(t *testing.T) {
	connected(t)
	impatient, err := Connect(t.Context(), Options{Cache: toolCache(t), Timeout: 4 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = impatient.Close() }()
	if _, err := impatient.Template(t.Context(), release(charttest.Pack(t, nil), ""))[0].Get(); err != nil {
		t.Fatal(err)
	}
	endless := charttest.Pack(t, map[string]string{"templates/a.yaml": `{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`})
	_, err = impatient.Template(t.Context(), release(endless, "in: time\n"))[0].Get()
	fault, ok := errors.AsType[*toolchain.ChartError](err)
	if !ok || !strings.Contains(fault.Message, "did not end within 4s") {
		t.Errorf("error %v", err)
	}
}

func TestACancelledRenderIsNoFinding(t *testing.T) {
	d := connected(t)
	endless := charttest.Pack(t, map[string]string{"templates/a.yaml": `{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Second, cancel)
	if _, err := d.Template(ctx, release(endless, "and: cancelled\n"))[0].Get(); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
