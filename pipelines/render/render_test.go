package render

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/charttest"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

func TestMain(m *testing.M) {
	embedded.WorkerMain()
	os.Exit(m.Run())
}

func newHelm(t *testing.T) toolchain.Helm {
	t.Helper()
	tc, err := embedded.New(embedded.Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tc.Close() })
	return tc
}

func releaseOf(c fleet.Cluster, ch toolchain.Chart, values string) toolchain.Release {
	return toolchain.Release{Name: c.Name, Namespace: c.Spec.Namespace, Chart: ch, KubeVersion: "1.34.1", Values: []byte(values), WillValidate: true}
}

func render(t *testing.T, helm toolchain.Helm, ch toolchain.Chart, values string) (manifest.Files, finding.List) {
	t.Helper()
	return renderBy(t, helm, ch, values, 3)
}

func renderBy(t *testing.T, helm toolchain.Helm, ch toolchain.Chart, values string, major toolchain.HelmMajor) (manifest.Files, finding.List) {
	t.Helper()
	c := fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{Namespace: "team"}}
	release := releaseOf(c, ch, values)
	release.Helm = major
	r := Manifests(t.Context(), helm, Job{Cluster: c, Release: release})[0]
	if r.Err != nil {
		t.Fatal(r.Err)
	}
	return r.Files, r.Findings
}

// sameByHelm4 wants what Helm 4 renders to be judged as what Helm 3 does.
func sameByHelm4(t *testing.T, helm toolchain.Helm, ch toolchain.Chart, values string, want finding.List) {
	t.Helper()
	if _, found := renderBy(t, helm, ch, values, toolchain.Helm4); !cmp.Equal(want, found) {
		t.Errorf("Helm 4 is judged otherwise (-3 +4):\n%s", cmp.Diff(want, found))
	}
}

func TestChartErrorsBecomeFindings(t *testing.T) {
	helm := newHelm(t)
	for _, c := range []struct {
		name, values string
		files        map[string]string
		rules        []finding.Rule
		says         string
	}{
		{"template that fails", "", map[string]string{"templates/a.yaml": "x: y\nz: {{ fail \"no\" }}"}, []finding.Rule{RuleChart}, "at c/templates/a.yaml:2: "},
		{"values that the schema refuses", "a: {b: x}\nc: 1\n", map[string]string{"values.schema.json": `{"properties":{"a":{"properties":{"b":{"type":"integer"}}},"c":{"type":"string"}}}`}, []finding.Rule{RuleValues, RuleValues}, "refuses the value a.b: got string, want integer"},
		{"paths that differ in case", "", map[string]string{"templates/a.yaml": "kind: A", "templates/A.yaml": "kind: A"}, []finding.Rule{RulePath}, "where case, or how"},
		{"paths that differ in how an accent is written", "", map[string]string{"templates/\u00e9.yaml": "kind: A", "templates/E\u0301.yaml": "kind: A"}, []finding.Rule{RulePath}, "where case, or how"},
		{"paths with other letters beyond ASCII", "", map[string]string{"templates/\u00e9.yaml": "kind: A", "templates/e.yaml": "kind: A"}, nil, ""},
		{"lookup", "", map[string]string{"templates/a.yaml": "kind: A\n{{ if lookup \"v1\" \"Secret\" \"\" \"\" }}x: y{{ end }}"}, []finding.Rule{RuleLookup}, "c/templates/a.yaml:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, found := render(t, helm, charttest.Pack(t, c.files), c.values)
			var rules []finding.Rule
			for _, f := range found {
				rules = append(rules, f.Rule)
			}
			if !slices.Equal(rules, c.rules) || len(found) > 0 && !strings.Contains(found[0].Message, c.says) {
				t.Errorf("findings %v", found)
			}
			if found.Failed() != (files == nil) {
				t.Errorf("failed %v, files %v", found.Failed(), files.Paths())
			}
		})
	}
}

func TestUnsafePaths(t *testing.T) {
	c := fleet.Cluster{Name: "dev"}
	for name, files := range map[string][]string{
		"up": {"c/../../x.yaml"}, "absolute": {"/etc/x"}, "top": {"x.yaml"}, "kasou's own": {"Namespace.yaml/templates/x"},
		"backslash": {`c\x/a`}, "control": {"c/a\nb"}, "dot": {"c/./a"}, "empty": {"c//a"}, "case": {"c/a", "c/A"}, "file and folder": {"c/a", "C/A/b"},
	} {
		t.Run(name, func(t *testing.T) {
			all := manifest.Files{"c/fine.yaml": nil, "c/templates/fine.yaml": nil}
			for _, f := range files {
				all[f] = nil
			}
			if found := pathFindings(c, all); len(found) != 1 {
				t.Errorf("findings %v", found)
			}
		})
	}
}

func TestAToolThatFailsIsAnError(t *testing.T) {
	tc, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := tc.Close(); err != nil {
		t.Fatal(err)
	}
	c := fleet.Cluster{Name: "dev"}
	if r := Manifests(t.Context(), tc, Job{Cluster: c, Release: releaseOf(c, charttest.Pack(t, map[string]string{}), "")})[0]; r.Err == nil || len(r.Findings) > 0 {
		t.Errorf("findings %v, error %v", r.Findings, r.Err)
	}
}
