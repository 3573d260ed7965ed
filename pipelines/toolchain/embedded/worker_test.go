package embedded_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/charttest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

func chartError(t *testing.T, err error, says string) {
	t.Helper()
	e, ok := errors.AsType[*toolchain.ChartError](err)
	if !ok {
		t.Fatalf("error %v is a %T, no ChartError", err, err)
	}
	if !strings.Contains(e.Message, says) {
		t.Errorf("message %q does not say %q", e.Message, says)
	}
}

func TestAHostileChartFailsAlone(t *testing.T) {
	options := embedded.Options{Workers: 1, Timeout: 5 * time.Minute, Memory: 1 << 29, Output: 1 << 20}
	patient := newToolchain(t, options)
	options.Timeout = 5 * time.Second
	hasty := newToolchain(t, options)
	good := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: y")}), "")
	for _, c := range []struct{ name, template, says string }{
		{"tpl that calls itself", `x: {{ tpl .Values.loop . }}`, "recurse without end"},
		{"repeat of a huge count", `x: {{ repeat 1000000000 "yy" }}`, "memory"},
		{"growing by doubling", `{{ $s := "0123456789" }}{{ range until 40 }}{{ $s = print $s $s }}{{ end }}x: y`, "memory"},
		{"range without end", `{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}x: y`, "did not end within 5s"},
		{"huge range", `{{ range until 2000000000 }}{{ end }}x: y`, "memory"},
		{"more output than allowed", `x: {{ repeat 1100000 "y" }}`, "at most 1048576"},
	} {
		t.Run(c.name, func(t *testing.T) {
			bad := release(charttest.Pack(t, map[string]string{"templates/a.yaml": c.template}), "loop: '{{ tpl .Values.loop . }}'\n")
			tc := patient
			if strings.Contains(c.says, "within") {
				tc = hasty
			}
			_, err := tc.Template(t.Context(), bad)[0].Get()
			chartError(t, err, c.says)
			if files, err := tc.Template(t.Context(), good)[0].Get(); err != nil || len(files) != 1 {
				t.Errorf("the next render: %v, %v", files.Paths(), err)
			}
		})
	}
}

func TestASchemaReachesNothingOutside(t *testing.T) {
	var dialled atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			dialled.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	tc := newToolchain(t, embedded.Options{Workers: 1})
	for _, ref := range []string{"file:///etc/passwd", "other.json", server.URL + "/s.json", "https://127.0.0.1:1/s.json"} {
		t.Run(ref, func(t *testing.T) {
			ch := charttest.Pack(t, map[string]string{"values.schema.json": fmt.Sprintf(`{"properties":{"num":{"$ref":%q}}}`, ref)})
			_, err := tc.Template(t.Context(), release(ch, "num: 1\n"))[0].Get()
			chartError(t, err, "outside of the chart")
			if strings.Contains(err.Error(), "root:") {
				t.Error("the error holds the file")
			}
		})
	}
	if n := dialled.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestSchemaErrorsNameEveryValue(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	ch := charttest.Pack(t, map[string]string{"values.schema.json": `{"additionalProperties":false,"properties":{
		"a":{"type":"object","properties":{"b":{"type":"integer"}}},
		"either":{"anyOf":[{"type":"integer"},{"enum":["x","z"]}]},
		"list":{"items":{"type":"boolean"}}}}`})
	_, err := tc.Template(t.Context(), release(ch, "a: {b: text}\neither: w\nlist: [true, 1]\nodd: 1\nodder: 1\n"))[0].Get()
	e, ok := errors.AsType[*toolchain.ChartError](err)
	if !ok {
		t.Fatal(err)
	}
	want := []toolchain.Problem{
		{Path: []string{"a", "b"}, Message: "got string, want integer"},
		{Path: []string{"either"}, Message: "fits none of the allowed forms: either: got string, want integer | either: value must be one of 'x', 'z'"},
		{Path: []string{"list", "1"}, Message: "got number, want boolean"},
		{Path: []string{"odd"}, Message: "the chart knows no such value"},
		{Path: []string{"odder"}, Message: "the chart knows no such value"},
	}
	if diff := cmp.Diff(want, e.Values); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestErrorsNameTheTemplateAndLine(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	ch := charttest.Pack(t, map[string]string{
		"templates/a.yaml": "x: y\nz: {{ include \"h\" . }}\n",
		"templates/_h.tpl": "{{ define \"h\" }}\n\n{{ index .Values.list 5 }}{{ end }}",
	})
	_, err := tc.Template(t.Context(), release(ch, "list: [1]\n"))[0].Get()
	e, ok := errors.AsType[*toolchain.ChartError](err)
	if !ok {
		t.Fatal(err)
	}
	if e.Template != "c/templates/_h.tpl" || e.Line != 3 {
		t.Errorf("at %s:%d, want c/templates/_h.tpl:3", e.Template, e.Line)
	}
}

func TestTheHostIsNotVisible(t *testing.T) {
	t.Setenv("TZ", "Asia/Tokyo")
	t.Setenv("KASOU_TEST_SECRET", "hidden")
	tc := newToolchain(t, embedded.Options{Workers: 1})
	ch := charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", `t: "{{ date "2006-01-02 15:04 MST" 0 }}"`)})
	if _, err := sameAsHelm(t, tc, release(ch, "")); err != nil {
		t.Fatal(err)
	}
}

func TestACancelledRenderIsNoFinding(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	ch := charttest.Pack(t, map[string]string{"templates/a.yaml": `{{ range until 100000 }}{{ range until 100000 }}{{ end }}{{ end }}`})
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := tc.Template(ctx, release(ch, ""))[0].Get(); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
}

func TestManyRendersAtOnce(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 3})
	charts := make([]toolchain.Chart, 20) // more than a worker keeps
	for i := range charts {
		charts[i] = charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", fmt.Sprintf("x: %d-{{ .Values.own }}", i))})
	}
	var group sync.WaitGroup
	for i := range 120 {
		group.Go(func() {
			n := i % len(charts)
			files, err := tc.Template(t.Context(), release(charts[n], fmt.Sprintf("own: %d\n", i)))[0].Get()
			if want := fmt.Sprintf("x: %d-%d\n", n, i); err != nil || !strings.Contains(string(files["c/templates/a.yaml"]), want) {
				t.Errorf("render %d: %q, %v", i, files["c/templates/a.yaml"], err)
			}
		})
	}
	group.Wait()
}

func TestAClosedToolchainRendersNothing(t *testing.T) {
	tc, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := tc.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tc.Template(t.Context(), release(charttest.Pack(t, nil), ""))[0].Get(); err == nil {
		t.Error("it renders")
	}
}

func TestABrokenArchiveIsTheChartsFault(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	for name, data := range map[string]string{"empty": "", "no gzip": "hello", "cut": string(charttest.Pack(t, nil).Archive[:40])} {
		t.Run(name, func(t *testing.T) {
			_, err := tc.Template(t.Context(), release(toolchain.Chart{Digest: "sha256:" + name, Archive: []byte(data)}, ""))[0].Get()
			chartError(t, err, "does not load")
		})
	}
}
