package embedded_test

import (
	"strings"
	"testing"

	"kasou/internal/charttest"
	"kasou/internal/realtool"
	"kasou/internal/upstream"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

func checker(t *testing.T) *embedded.Checker {
	t.Helper()
	v, err := embedded.NewChecker(embedded.Options{Workers: 1})
	return closing(t, v, err)
}

// conformsAsHelmSays holds the verdict against the real helm: what renders conforms,
// and what helm refuses for a schema does not.
func conformsAsHelmSays(t *testing.T, v *embedded.Checker, r toolchain.Release) {
	t.Helper()
	_, err := realtool.HelmTemplate(t, r)
	refused := err != nil && strings.Contains(err.Error(), "schema")
	conform := v.Conform(t.Context(), r)
	if conform && refused || !conform && err == nil {
		t.Errorf("%s with %q: conform: %t; helm says %v", r.Chart.Name, r.Values, conform, err)
	}
}

func TestValuesConformAsHelmSays(t *testing.T) {
	v := checker(t)
	for _, c := range syntheticCharts {
		t.Run(c.name, func(t *testing.T) {
			conformsAsHelmSays(t, v, release(charttest.Pack(t, c.files), c.values))
		})
	}
}

func TestUpstreamValuesConformAsHelmSays(t *testing.T) {
	v := checker(t)
	for _, path := range upstream.All(t) {
		chart := chartFile(t, path)
		for _, values := range []string{"", "noSuchKey: 1\n", "sync: text\n", "controlPlane: {ingress: {enabled: maybe}}\n"} {
			conformsAsHelmSays(t, v, release(chart, values))
		}
	}
}

func TestASchemaWithinAnArchiveIsLookedAt(t *testing.T) {
	v := checker(t)
	sub := charttest.Pack(t, map[string]string{"values.schema.json": `{"required":["a"]}`})
	ch := charttest.Pack(t, map[string]string{"Chart.yaml": "apiVersion: v2\nname: top\nversion: 1.0.0\n", "charts/c-1.0.0.tgz": string(sub.Archive)})
	for values, want := range map[string]bool{"c: {a: 1}\n": true, "c: {b: 1}\n": false} {
		r := release(ch, values)
		conformsAsHelmSays(t, v, r)
		if got := v.Conform(t.Context(), r); got != want {
			t.Errorf("%q: conform: %t", values, got)
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
}
