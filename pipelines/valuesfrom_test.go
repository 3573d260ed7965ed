package pipelines_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/baseline"
	"kasou/pipelines/cluster"
	"kasou/pipelines/finding"
	"kasou/pipelines/host"
	"kasou/pipelines/render"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
)

const (
	sealKey = "00112233445566778899aabbccddeeff0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	canary  = `mysql://c4n4ry:pa'ss"w0rd&<x>@db.example.com/k3s`
	fields  = "  valuesFrom: [{path: database.source, env: KASOU_VALUE_DATABASE}]\n"
)

// hiding makes a repository with one cluster whose chart has the templates, and
// options with the value and the key.
func hiding(t *testing.T, templates map[string]string) (fleettest.Repo, pipelines.Options, map[string]string) {
	t.Helper()
	repo := fleettest.New(t, "1.34.1")
	repo.Write(t, "charts/c/Chart.yaml", []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n"))
	for name, text := range templates {
		repo.Write(t, "charts/c/templates/"+name, []byte(text))
	}
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n"+fields)
	env := map[string]string{"KASOU_VALUE_DATABASE": canary}
	options := repo.Options(t, tools(t))
	options.SealKey = sealKey
	options.Getenv = func(name string) string { return env[name] }
	return repo, options, env
}

const configSecret = `apiVersion: v1
kind: Secret
metadata: {name: config, annotations: {note: fixed}}
data:
  config.yaml: {{ .Values | toYaml | b64enc }}
`

const rolled = `apiVersion: v1
kind: ConfigMap
metadata:
  name: rolled
  annotations: {checksum: {{ .Values | toYaml | sha256sum }}}
`

// noValue fails where the report shows the value or anywhere below the root,
// the cache included, it stands.
func noValue(t *testing.T, repo fleettest.Repo, value string, reports ...*report.Report) {
	t.Helper()
	search := seal.NewSearch(value)
	for _, r := range reports {
		for _, format := range []report.Format{"text", "json", "sarif"} {
			var b bytes.Buffer
			if err := report.Write(&b, r, report.Options{Format: format}); err != nil {
				t.Fatal(err)
			}
			if _, shows := search.Line(b.Bytes()); shows {
				t.Errorf("the %s report shows the value:\n%s", format, b.String())
			}
		}
	}
	err := filepath.WalkDir(repo.Root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if _, stands := search.Line(append(data, path...)); stands {
			t.Errorf("the value stands in %s", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func pipe(t *testing.T, p pipelines.Pipeline, o pipelines.Options) *report.Report {
	t.Helper()
	r, err := p(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The life of a value: sealed once, kept, sealed anew when it changes.
func TestValuesFrom(t *testing.T) {
	repo, options, env := hiding(t, map[string]string{"config.yaml": configSecret, "rolled.yaml": rolled})
	built := pipe(t, pipelines.Build, options)
	fleettest.MustPass(t, built, nil)
	const file = "clusters/one/manifests/c/templates/config.yaml"
	opened := func() string {
		return string(repo.Keys.Unseal(t, bytes.TrimPrefix(repo.Read(t, file), []byte("---\n"))).Data["config.yaml"])
	}
	if got := opened(); !strings.Contains(got, "c4n4ry") {
		t.Errorf("the unsealed Secret has %s", got)
	}
	values := string(repo.Read(t, "clusters/one/values.yaml"))
	if !strings.Contains(values, "source: '(sealed: env KASOU_VALUE_DATABASE ") {
		t.Errorf("values.yaml is\n%s", values)
	}
	before := snapshot(t, repo.Root)
	for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
		fleettest.MustPass(t, pipe(t, p, options), nil)
	}
	if snapshot(t, repo.Root) != before {
		t.Error("a second build, or a check, wrote something")
	}

	checksum := repo.Read(t, "clusters/one/manifests/c/templates/rolled.yaml")
	env["KASOU_VALUE_DATABASE"] = canary + "2"
	changed := pipe(t, pipelines.Build, options)
	fleettest.MustPass(t, changed, nil)
	if got := opened(); !strings.Contains(got, "k3s2") || !has(changed, seal.RuleResealed) {
		t.Errorf("after a change the Secret has %s, and the report %s", got, rules(changed))
	}
	if bytes.Equal(repo.Read(t, "clusters/one/manifests/c/templates/rolled.yaml"), checksum) {
		t.Error("the checksum of the values did not change: the pods would not roll")
	}
	env["KASOU_VALUE_DATABASE"] = canary
	stale := pipe(t, pipelines.Check, options)
	if !stale.Failed() {
		t.Error("check must see that the value is another one")
	}
	noValue(t, repo, canary, built, changed, stale)
}

// Who has no value, or no key, can check everything else.
func TestCheckWithoutTheValue(t *testing.T) {
	repo, options, env := hiding(t, map[string]string{"config.yaml": configSecret, "rolled.yaml": rolled})
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	const config = "clusters/one/manifests/c/templates/config.yaml"
	for _, test := range []struct {
		name, value, key string
		unverified       bool
	}{
		{"no value", "", sealKey, false},
		{"no key", canary, "", true},
		{"neither", "", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			env["KASOU_VALUE_DATABASE"], options.SealKey = test.value, test.key
			r := pipe(t, pipelines.Check, options)
			fleettest.MustPass(t, r, nil)
			if !has(r, cluster.RuleValuesUnknown) || has(r, seal.RuleUnverifiable) != test.unverified {
				t.Errorf("the report has %s", rules(r))
			}
			if r = pipe(t, pipelines.Build, options); !r.Failed() {
				t.Error("a build must not do without")
			}
			good := repo.Read(t, config)
			repo.Write(t, config, bytes.Replace(good, []byte("encryptedData:\n    config.yaml: A"), []byte("encryptedData:\n    config.yaml: B"), 1))
			if r = pipe(t, pipelines.Check, options); !has(r, seal.RuleTampered) || !r.Failed() {
				t.Errorf("an edited ciphertext gives %s", rules(r))
			}
			repo.Write(t, config, good)
			rolled := "clusters/one/manifests/c/templates/rolled.yaml"
			good = repo.Read(t, rolled)
			repo.Write(t, rolled, append(good, "# edited\n"...))
			if r = pipe(t, pipelines.Check, options); !has(r, "tree-hand-edit") {
				t.Errorf("an edited document beside it gives %s", rules(r))
			}
			repo.Write(t, rolled, good)
		})
	}
	if err := os.RemoveAll(filepath.Join(repo.Root, "clusters", "one", "manifests")); err != nil {
		t.Fatal(err)
	}
	if r := pipe(t, pipelines.Check, options); !has(r, seal.RuleUnverifiable) || !r.Failed() {
		t.Errorf("with nothing committed the report has %s", rules(r))
	}
}

// A value that reaches what is not sealed is found in whatever form, whether or
// not it is at hand; nothing is written and nothing shown.
func TestAValueThatIsNotSealed(t *testing.T) {
	configMap := func(data string) string {
		return "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: open\n  labels: {app: x}\ndata:\n  a: fixed\n  b: " + data + "\n"
	}
	const source = ".Values.database.source"
	for name, test := range map[string]struct{ template, want string }{
		"as it is":             {configMap("{{ " + source + " | quote }}"), "clusters/one/manifests/c/templates/x.yaml:10, field data.b of ConfigMap open"},
		"base64":               {configMap("{{ " + source + " | b64enc }}"), ":10, field data.b"},
		"twice base64":         {configMap("{{ " + source + " | b64enc | b64enc }}"), ":10, field data.b"},
		"hex":                  {configMap(`{{ printf "x%x" ` + source + " }}"), ":10, field data.b"},
		"reversed by letters":  {configMap("{{ " + source + ` | splitList "" | sortAlpha | join "" | quote }}`), ":10, field data.b"},
		"a digest, not a roll": {configMap("{{ " + source + " | sha256sum }}"), ":10, field data.b"},
		"its length":           {configMap("{{ " + source + " | len | quote }}"), ":10, field data.b"},
		"all values":           {configMap("{{ .Values | toJson | quote }}"), ":10, field data.b"},
		"a comment":            {configMap("x # {{ " + source + " }}"), "a comment"},
		"a key":                {strings.Replace(configMap("x"), "  a:", "  {{ "+source+" | sha1sum }}:", 1), "field data of ConfigMap open"},
		"a Secret's label":     {strings.Replace(configSecret, "{note: fixed}", "{note: {{ "+source+" | b64enc }}}", 1), "field metadata.annotations.note of Secret config"},
		"a Secret's key":       {configSecret + "  {{ " + source + " | sha1sum }}: eA==\n", "the keys of Secret config"},
		"lengths of keys": {"apiVersion: v1\nkind: Secret\nmetadata: {name: config}\nstringData:\n  all: {{ " + source + " | quote }}\n{{- range $i, $c := splitList \"\" " + source +
			" }}\n  {{- if lt $i 8 }}\n  k{{ $i }}: {{ repeat (int (index $c 0)) \"x\" }}\n  {{- end }}\n{{- end }}\n", "templates/x.yaml:8, the length of stringData.k0 of Secret config"},
		"one length":         {"apiVersion: v1\nkind: Secret\nmetadata: {name: config}\ndata:\n  a: {{ repeat (int (index " + source + " 9)) \"x\" | b64enc }}\n", "the length of data.a of Secret config"},
		"how it begins":      {"apiVersion: v1\nkind: Secret\nmetadata: {name: config}\ndata:\n  a: {{ " + source + " | b64enc }}\n{{ if and (not (hasPrefix `mysql` " + source + ")) (not (hasPrefix `(sealed` " + source + ")) }}  b: eA==\n{{ end }}", "the length of data.a"},
		"a Secret's kind":    {"apiVersion: v1\nkind: {{ if hasPrefix `mysql` " + source + " }}ConfigMap{{ else }}Secret{{ end }}\nmetadata: {name: config}\ndata: {a: eA==}\n", ":4, field kind of Secret config"},
		"how many documents": {configMap("x") + "{{ if hasPrefix `mysql` " + source + " }}---\n" + strings.Replace(configMap("x"), "open", "other", 1) + "{{ end }}", "number of documents"},
	} {
		t.Run(name, func(t *testing.T) {
			repo, options, env := hiding(t, map[string]string{"x.yaml": test.template})
			r := pipe(t, pipelines.Build, options)
			found := false
			for _, f := range r.Findings {
				found = found || f.Rule == seal.RuleUnsealedValue && strings.Contains(f.Message, test.want) && f.File == "clusters/one/spec.yaml"
			}
			if !found {
				fleettest.Print(t, r)
				t.Errorf("want %s", test.want)
			}
			if _, err := os.Stat(filepath.Join(repo.Root, "clusters", "one", "values.yaml")); err == nil {
				t.Error("something was written")
			}
			env["KASOU_VALUE_DATABASE"] = ""
			if without := pipe(t, pipelines.Check, options); name != "how many documents" && name != "a Secret's kind" && !has(without, seal.RuleUnsealedValue) {
				t.Errorf("a check without the value finds %s", rules(without))
			}
			noValue(t, repo, canary, r)
		})
	}
}

// What cannot be done is a finding without the value in it.
func TestValuesThatCannotBe(t *testing.T) {
	for name, test := range map[string]struct {
		value, key, template, spec string
		want                       finding.Rule
	}{
		"not set":            {"", sealKey, configSecret, "", cluster.RuleValueMissing},
		"no key":             {canary, "", configSecret, "", seal.RuleKeyNeeded},
		"short":              {"hunter2", sealKey, configSecret, "", cluster.RuleValueUnfit},
		"no text":            {"hunter2\xff\xfe\x00", sealKey, configSecret, "", cluster.RuleValueUnfit},
		"in git anyway":      {canary, sealKey, configSecret, "  values: {other: \"" + strings.ReplaceAll(canary, `"`, `\"`) + "\"}\n", cluster.RuleValuePlain},
		"the chart fails":    {canary, sealKey, `{{ if hasPrefix "mysql" .Values.database.source }}{{ fail .Values.database.source }}{{ end }}`, "", render.RuleSecretValues},
		"another file":       {canary, sealKey, `{{ if hasPrefix "mysql" .Values.database.source }}` + rolled + `{{ end }}`, "", seal.RuleUnsealedValue},
		"no valid kind":      {canary, sealKey, `{{ if hasPrefix "mysql" .Values.database.source }}{{ .Values.database.source }}{{ else }}` + rolled + "{{ end }}", "", render.RuleSecretValues},
		"a host that is not": {canary, sealKey, configSecret, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			repo, options, env := hiding(t, map[string]string{"config.yaml": test.template})
			env["KASOU_VALUE_DATABASE"], options.SealKey = test.value, test.key
			if test.spec != "" {
				repo.Cluster(t, "one", "  chart: {path: charts/c}\n"+fields+test.spec)
			}
			if test.want == "" {
				repo.Cluster(t, "one", "  chart: {path: charts/c}\n  valuesFrom: [{path: database.source, secret: {name: db, key: url}}]\n")
				options.OpenHost = func(string) (*host.Host, error) { return nil, fmt.Errorf("no route to host") }
			}
			r := pipe(t, pipelines.Build, options)
			if test.want == "" {
				if len(r.Unfinished) != 1 {
					t.Errorf("an unreachable host gives %s", rules(r))
				}
			} else if !has(r, test.want) || !r.Failed() {
				fleettest.Print(t, r)
				t.Errorf("want %s", test.want)
			}
			if test.want != cluster.RuleValuePlain && test.value != "" {
				noValue(t, repo, test.value, r)
			}
		})
	}
}

// In the charts of vcluster that have a config Secret, a value goes there and
// nowhere else, and rolls the pods.
func TestValuesFromInUpstreamCharts(t *testing.T) {
	for _, chart := range []string{"vcluster-0.24.1", "vcluster-0.30.0", "vcluster-0.36.1"} {
		t.Run(chart, func(t *testing.T) {
			repo := fleettest.New(t, "1.34.1")
			repo.Copy(t, "charts/"+chart+".tgz", upstream.Chart(t, chart))
			spec := "  chart: {path: charts/" + chart + ".tgz}\n  values: {controlPlane: {backingStore: {database: {external: {enabled: true}}}}}\n" +
				"  valuesFrom: [{path: controlPlane.backingStore.database.external.dataSource, env: KASOU_VALUE_DATABASE}]\n"
			repo.Cluster(t, "one", spec)
			options := repo.Options(t, tools(t))
			options.SealKey = sealKey
			options.Getenv = func(string) string { return canary }
			r := pipe(t, pipelines.Build, options)
			fleettest.MustPass(t, r, nil)
			fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)
			noValue(t, repo, canary, r)
		})
	}
}

// A new password of a database leaves the cluster what it is, and another database does not,
// though neither is in git.
func TestAPlanTellsAPasswordFromADatabase(t *testing.T) {
	repo, options := planned(t, map[string]string{})
	setKeys(t, repo, publicHalf(t, sealKey))
	repo.Write(t, ".gitignore", []byte(".cache\n"))
	const database = "  values: {controlPlane: {backingStore: {database: {external: {enabled: true}}}}}\n" +
		"  valuesFrom: [{path: controlPlane.backingStore.database.external.dataSource, env: KASOU_VALUE_DATABASE}]\n"
	planSpec(t, repo, "one", "vcluster-0.36.1", database)
	options.SealKey = sealKey
	source := "mysql://user:a-long-password@tcp(db-1.example.com:3306)/one"
	options.Getenv = func(string) string { return source }
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	source = strings.Replace(source, "a-long", "another", 1)
	r := pipe(t, pipelines.Build, options)
	fleettest.MustPass(t, r, nil)
	if got := effects(r, "one"); got != "restart, applied" {
		fleettest.Print(t, r)
		t.Errorf("a new password is %q", got)
	}
	repo.Commit(t)
	source = strings.Replace(source, "db-1", "db-2", 1)
	r = pipe(t, pipelines.Build, options)
	if got := effects(r, "one"); !strings.HasPrefix(got, "empty-cluster store") {
		t.Errorf("another database is %q", got)
	}
	found(t, r, baseline.RuleRefused, finding.Error)
}
