package render

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/upstream"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
	"kasou/pipelines/tree"
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

// chartOf packs files, with a Chart.yaml where they have none.
func chartOf(t *testing.T, files map[string]string) toolchain.Chart {
	t.Helper()
	files = maps.Clone(files)
	if files["Chart.yaml"] == "" {
		files["Chart.yaml"] = "apiVersion: v2\nname: c\nversion: 1.0.0\n"
	}
	archive, err := pack(files)
	if err != nil {
		t.Fatal(err)
	}
	return toolchain.Chart{Name: "c", Version: "1.0.0", Digest: tree.Digest(archive), Archive: archive}
}

func releaseOf(c fleet.Cluster, ch toolchain.Chart, values string) toolchain.Release {
	return toolchain.Release{Name: c.Name, Namespace: c.Spec.Namespace, Chart: ch, KubeVersion: "1.34.1", Values: []byte(values), WillValidate: true}
}

func render(t *testing.T, helm toolchain.Helm, ch toolchain.Chart, values string) (tree.Files, finding.List) {
	t.Helper()
	c := fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{Namespace: "team"}}
	files, found, err := Manifests(t.Context(), helm, c, releaseOf(c, ch, values))
	if err != nil {
		t.Fatal(err)
	}
	return files, found
}

func TestImpureTemplates(t *testing.T) {
	helm := newHelm(t)
	const cm = "kind: ConfigMap\nmetadata: {name: a}\n"
	for _, c := range []struct {
		name, values string
		files        map[string]string
		want         []string // ends of the messages; none: pure
	}{
		{name: "random text", files: map[string]string{"templates/a.yaml": cm + "x: {{ randAlphaNum 10 }}"}, want: []string{"c/templates/a.yaml:3 calls `randAlphaNum`"}},
		{name: "random text, piped", files: map[string]string{"templates/a.yaml": cm + "x: {{ 10 | randAlpha | lower }}"}, want: []string{"a.yaml:3 calls `randAlpha`"}},
		{name: "random only where no value is set", values: "token: fixed\n", files: map[string]string{"templates/a.yaml": cm + "x: {{ .Values.token | default (randAlphaNum 10) }}"}},
		{name: "now to the second", files: map[string]string{"templates/a.yaml": cm + "x: {{ now | unixEpoch }}"}, want: []string{"a.yaml:3 calls `now`"}},
		{name: "now to the year", files: map[string]string{"templates/a.yaml": cm + "x: {{ now | date \"2006\" | quote }}"}, want: []string{"a.yaml:3 calls `now`"}},
		{name: "now in parentheses", files: map[string]string{"templates/a.yaml": cm + "x: {{ (now).Year }}"}, want: []string{"a.yaml:3 calls `now`"}},
		{name: "now that does not show", files: map[string]string{"templates/a.yaml": cm + "x: {{ now | kindOf }}"}},
		{name: "date of a string is the present", values: "day: \"2020-01-01\"\n", files: map[string]string{"templates/a.yaml": cm + "x: {{ date \"2006\" .Values.day }}{{- .Values.day | htmlDate -}}"}, want: []string{"a.yaml:3 calls `date`", "a.yaml:3 calls `htmlDate`"}},
		{name: "date of a number", values: "day: 5\n", files: map[string]string{"templates/a.yaml": cm + "x: {{ date \"2006\" (int .Values.day) }}{{ dateInZone \"2006\" (int64 7) \"UTC\" }}"}},
		{name: "age of a fixed time", files: map[string]string{"templates/a.yaml": cm + "x: {{ ago (toDate \"2006\" \"2020\") }}"}, want: []string{"a.yaml:3 calls `ago`"}},
		{name: "uuid in a helper of a packed subchart", files: map[string]string{
			"charts/s/Chart.yaml": "apiVersion: v2\nname: s\nversion: 1.0.0\n", "charts/s/templates/_h.tpl": "\n{{ define \"id\" }}\n{{- uuidv4 }}{{ end }}",
			"templates/a.yaml": cm + "x: {{ include \"id\" . }}",
		}, want: []string{"c/charts/s/templates/_h.tpl:3 calls `uuidv4`"}},
		{name: "a helper that nothing reaches", files: map[string]string{"templates/_h.tpl": "{{ define \"id\" }}{{ now | unixEpoch }}{{ end }}", "templates/a.yaml": cm}},
		{name: "one guilty of three", files: map[string]string{"templates/a.yaml": cm + "x: {{ if now }}y{{ end }}\nz: {{ uuidv4 | len }}\nw: {{ uuidv4 }}"}, want: []string{"a.yaml:5 calls `uuidv4`"}},
		{name: "helper by a name made at run time", files: map[string]string{"templates/_h.tpl": "{{ define \"id\" }}{{ uuidv4 }}{{ end }}", "templates/a.yaml": cm + "x: {{ include (print \"i\" \"d\") . }}"}, want: []string{"_h.tpl:1 calls `uuidv4`"}},
		{name: "generated key", files: map[string]string{"templates/a.yaml": cm + "x: {{ genPrivateKey \"ed25519\" | b64enc }}"}, want: []string{"a.yaml:3 calls `genPrivateKey`"}},
		{name: "map order", values: "m: {a: 1, b: 2}\n", files: map[string]string{"templates/a.yaml": cm + "x: {{ keys .Values.m | join \"-\" }}"}, want: []string{"a.yaml:3 calls `keys`"}},
		{name: "sorted map order", values: "m: {a: 1, b: 2}\n", files: map[string]string{"templates/a.yaml": cm + "x: {{ keys .Values.m | sortAlpha | join \"-\" }}{{ range $k := (keys .Values.m | sortAlpha) }}{{ $k }}{{ end }}"}},
		{name: "values that are evaluated", values: "t: 'a\n\n  {{ now | date `2006` }}'\n", files: map[string]string{"templates/a.yaml": cm + "x: {{ tpl .Values.t . | quote }}"}, want: []string{"values.yaml:3 calls `now`"}},
		{name: "values that are only text", values: "t: '{{ now }}'\nu: v\n", files: map[string]string{"templates/a.yaml": cm + "x: {{ tpl .Values.u . }}{{ .Values.t | b64enc }}"}},
		{name: "a chart's file that is evaluated", files: map[string]string{"f.txt": "\n{{ uuidv4 }}", "templates/a.yaml": cm + "x: {{ tpl (.Files.Get \"f.txt\") . | trim }}"}, want: []string{"c/f.txt:2 calls `uuidv4`"}},
		{name: "notes do not count", files: map[string]string{"templates/NOTES.txt": "{{ now }}", "templates/a.yaml": cm}},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, found := render(t, helm, chartOf(t, c.files), c.values)
			var got []string
			for i, f := range found {
				if f.Rule != RuleImpure || f.Severity != finding.Error {
					t.Errorf("finding %v", f)
				}
				if i < len(c.want) && strings.HasSuffix(f.Message, c.want[i]) {
					got = append(got, c.want[i])
				} else {
					got = append(got, f.Message)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if (len(files) == 0) != (len(c.want) > 0) {
				t.Errorf("files %v", files.Paths())
			}
		})
	}
}

func TestUpstreamChartsArePure(t *testing.T) {
	helm := newHelm(t)
	for _, path := range upstream.All(t) {
		t.Run(path[strings.LastIndex(path, "/")+1:], func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ch := toolchain.Chart{Name: "vcluster", Digest: tree.Digest(data), Archive: data}
			files, found := render(t, helm, ch, "")
			if found.Failed() || len(files) == 0 {
				t.Errorf("findings %v", found)
			}
			t.Logf("%d impure calls reachable, %v", len(analyse(ch.Digest, nil).sites), found)
		})
	}
}

func TestTheUnusedHelperOf043IsNotReached(t *testing.T) {
	data, err := os.ReadFile(upstream.Chart(t, "vcluster-0.4.3"))
	if err != nil {
		t.Fatal(err)
	}
	if a := analyse(tree.Digest(data), data); len(a.files) == 0 || len(a.sites) != 0 {
		t.Errorf("%d files, sites %v", len(a.files), a.sites)
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
		{"paths that differ in case", "", map[string]string{"templates/a.yaml": "kind: A", "templates/A.yaml": "kind: A"}, []finding.Rule{RulePath}, "where case does not count"},
		{"lookup", "", map[string]string{"templates/a.yaml": "kind: A\n{{ if lookup \"v1\" \"Secret\" \"\" \"\" }}x: y{{ end }}"}, []finding.Rule{RuleLookup}, "c/templates/a.yaml:2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			files, found := render(t, helm, chartOf(t, c.files), c.values)
			var rules []finding.Rule
			for _, f := range found {
				rules = append(rules, f.Rule)
			}
			if !slices.Equal(rules, c.rules) || !strings.Contains(found[0].Message, c.says) {
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
			all := tree.Files{"c/fine.yaml": nil, "c/templates/fine.yaml": nil}
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
	if _, found, err := Manifests(t.Context(), tc, fleet.Cluster{Name: "dev"}, releaseOf(fleet.Cluster{Name: "dev"}, chartOf(t, map[string]string{}), "")); err == nil || len(found) > 0 {
		t.Errorf("findings %v, error %v", found, err)
	}
}
