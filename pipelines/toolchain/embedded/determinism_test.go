package embedded_test

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"kasou/internal/charttest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

// After a render in an environment, the same worker renders under the real clock
// and chance: with templates that were parsed before and with others.
func TestNoEnvironmentOutlivesItsRender(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	now := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: \"{{ now | unixEpoch }}\"\n  y: {{ uuidv4 }}")}), "")
	text := func(r toolchain.Release) string {
		t.Helper()
		files, err := tc.Template(t.Context(), r)[0].Get()
		if err != nil {
			t.Fatal(err)
		}
		return string(files["c/templates/a.yaml"])
	}
	_ = text(now)
	for name, template := range map[string]string{
		"the same":     `x: {{ now | unixEpoch }}`,
		"not the same": `x: {{ if contains "a" (randAlphaNum 9) }}{{ fail "no" }}{{ end }}{{ now | unixEpoch }}`,
		"unused":       `x: {{ default (genPrivateKey "ed25519" | print now) "a" }}`,
		"broken":       `{{ if eq now.Year 1987 }}{{ template "none" }}{{ end }}`,
	} {
		t.Run(name, func(t *testing.T) {
			r := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", template)}), "")
			r.Determinism = true
			_, _ = tc.Template(t.Context(), r)[0].Get()
			one, two := text(now), text(now)
			if one == two {
				t.Error("a uuid comes twice")
			}
			_, after, _ := strings.Cut(one, `x: "`)
			seconds, _, _ := strings.Cut(after, `"`)
			unix, err := strconv.ParseInt(seconds, 10, 64)
			if err != nil || time.Since(time.Unix(unix, 0)).Abs() > time.Minute {
				t.Errorf("now is %q, %v", seconds, err)
			}
		})
	}
}

// A release that is not to be compared is not: Helm's own result comes, whatever
// it is.
func TestOnlyWhatIsAskedIsCompared(t *testing.T) {
	tc := newToolchain(t, embedded.Options{Workers: 1})
	r := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: {{ uuidv4 }}")}), "")
	files, err := tc.Template(t.Context(), r)[0].Get()
	if err != nil || len(files) != 1 {
		t.Errorf("files %v, %v", files.Paths(), err)
	}
	r.Determinism = true
	files, err = tc.Template(t.Context(), r)[0].Get()
	if _, ok := errors.AsType[*toolchain.DeterminismError](err); !ok || len(files) != 1 {
		t.Fatalf("files %v, %v", files.Paths(), err)
	}
	if want := "the chart renders differently every time: c/templates/a.yaml:6 calls `uuidv4`"; err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
}

// What has another program render hears the same as what renders here.
func TestTheCheckerSaysWhatTemplateSays(t *testing.T) {
	tc, checker := newToolchain(t, embedded.Options{Workers: 1}), checker(t)
	for _, x := range []string{"a", "{{ uuidv4 }}", "{{ tpl `{{ now }}` . }}", "{{ first .Capabilities.APIVersions }}", "{{ randAlpha 9 | lower | contains `k` }}", "{{ default (randAlpha 9) `a` }}", "{{ fail `no` }}"} {
		r := release(charttest.Pack(t, map[string]string{"templates/a.yaml": configMap("a", "x: '"+x+"'")}), "")
		got := checker.Determinism(t.Context(), r)
		r.Determinism = true
		_, want := tc.Template(t.Context(), r)[0].Get()
		if (want == nil) != (got == nil) || want != nil && want.Error() != got.Error() {
			t.Errorf("%s: the checker says %v, want %v", x, got, want)
		}
	}
}
