package embedded_test

import (
	"context"
	"strings"
	"testing"

	"kasou/internal/charttest"
	"kasou/internal/realtool"
	"kasou/internal/upstream"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

func checker(t *testing.T) *embedded.Values {
	t.Helper()
	v, err := embedded.NewValues(embedded.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v
}

// helmStopsBefore says that the real helm does not come as far as the templates.
func helmStopsBefore(t *testing.T, r toolchain.Release) bool {
	_, err := realtool.HelmTemplate(t, r)
	if err == nil {
		return false
	}
	// Helm quotes the place of a template's fault, of one that is no YAML its name.
	return !strings.Contains(err.Error(), "templates/")
}

// What comes after the schemas, such as Helm's look at the chart's kubeVersion, is
// of the templates here.
func TestValuesConformWhereHelmComesToTheTemplates(t *testing.T) {
	v := checker(t)
	for _, c := range syntheticCharts {
		t.Run(c.name, func(t *testing.T) {
			r := release(charttest.Pack(t, c.files), c.values)
			stops := helmStopsBefore(t, r) && c.fails != "kubeVersion"
			if v.Conform(t.Context(), r) == stops {
				t.Errorf("conform: %t; helm stops before the templates: %t", !stops, stops)
			}
		})
	}
}

func TestUpstreamValuesConformWhereHelmComesToTheTemplates(t *testing.T) {
	v := checker(t)
	for _, path := range upstream.All(t) {
		chart := chartFile(t, path)
		for _, values := range []string{"", "noSuchKey: 1\n", "sync: text\n", "controlPlane: {ingress: {enabled: maybe}}\n"} {
			r := release(chart, values)
			if conform, stops := v.Conform(t.Context(), r), helmStopsBefore(t, r); conform == stops {
				t.Errorf("%s with %q: conform: %t; helm stops before the templates: %t", chart.Name, values, conform, stops)
			}
		}
	}
}

func TestWhatCannotBeToldDoesNotConform(t *testing.T) {
	v := checker(t)
	sound := release(charttest.Pack(t, map[string]string{"values.schema.json": `{"required":["a"]}`}), "a: 1\n")
	if !v.Conform(t.Context(), sound) {
		t.Error("sound values do not conform")
	}
	outside := release(charttest.Pack(t, map[string]string{"values.schema.json": `{"$ref":"file:///etc/passwd"}`}), "a: 1\n")
	broken, nameless := sound, sound
	broken.Chart = toolchain.Chart{Digest: "sha256:00", Archive: []byte("no chart")}
	nameless.Chart.Digest = ""
	for name, r := range map[string]toolchain.Release{
		"a schema that refers to a file": outside, "no chart": broken, "a chart without a digest": nameless,
	} {
		if v.Conform(t.Context(), r) {
			t.Errorf("%s: conforms", name)
		}
	}
	if !v.Conform(t.Context(), sound) {
		t.Error("sound values do not conform after others that failed")
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if v.Conform(ended, sound) {
		t.Error("conforms after the end of the context")
	}
}
