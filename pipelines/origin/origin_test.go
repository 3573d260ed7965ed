package origin_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/finding"
	"kasou/pipelines/toolchain/embedded"
)

func TestMain(m *testing.M) {
	embedded.WorkerMain()
	os.Exit(m.Run())
}

// build returns the errors of a build of one cluster, dev, with a chart, and what its
// spec and the fleet's defaults say in lines of YAML.
func build(t *testing.T, chart func(fleettest.Repo) string, spec, defaults string) finding.List {
	t.Helper()
	repo := fleettest.New(t, "1.34.1")
	path := chart(repo)
	fleet := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(fleet+"  defaults:\n    chart: {path: "+path+"}\n"+defaults))
	repo.Cluster(t, "dev", "  ingress: {enabled: true, host: dev.example.com}\n"+spec)
	tools, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tools.Close() })
	r, err := pipelines.Build(context.Background(), repo.Options(t, tools))
	if err != nil {
		t.Fatal(err)
	}
	var errs finding.List
	for _, f := range r.Findings {
		if f.Severity == finding.Error {
			errs = append(errs, f)
		}
	}
	return errs
}

func real(t *testing.T, version string) func(fleettest.Repo) string {
	archive := upstream.Chart(t, "vcluster-"+version)
	return func(repo fleettest.Repo) string {
		repo.Copy(t, "charts/vcluster.tgz", archive)
		return "charts/vcluster.tgz"
	}
}

// A user that is a word is what every version of the chart renders, and no API server
// takes: the finding stands at the word, and names the rendered place.
func TestUserThatIsAWord(t *testing.T) {
	for version, values := range map[string]string{
		"0.10.2": "securityContext:\n      runAsUser: root\n",
		"0.19.7": "securityContext:\n      runAsUser: root\n",
		"0.20.4": "controlPlane: {statefulSet: {security: {podSecurityContext: {\n      runAsUser: root}}}}\n",
		"0.30.0": "controlPlane: {statefulSet: {security: {containerSecurityContext: {\n      runAsUser: root}}}}\n",
		"0.36.1": "controlPlane: {statefulSet: {security: {podSecurityContext: {\n      runAsUser: root}}}}\n",
	} {
		t.Run(version, func(t *testing.T) {
			chart := real(t, version)
			for place, found := range map[string]finding.List{
				"clusters/dev/spec.yaml:8:7": build(t, chart, "  values:\n    "+values, ""),
				"clusters/fleet.yaml:11:7":   build(t, chart, "", "    values:\n     "+values),
			} {
				if len(found) == 0 {
					t.Errorf("nothing is found at %s", place)
				}
				for _, f := range found {
					if f.Position() != place || f.Rule != "conform-invalid" || !strings.Contains(f.Hint, "It is rendered to clusters/dev/manifests/vcluster/templates/") {
						t.Errorf("at %s, not %s: %+v", f.Position(), place, f)
					}
				}
			}
		})
	}
}

// ownChart is a chart with a ConfigMap.
func ownChart(t *testing.T, template string) func(fleettest.Repo) string {
	return func(repo fleettest.Repo) string {
		repo.Write(t, "charts/own/Chart.yaml", []byte("apiVersion: v2\nname: own\nversion: 0.1.0\n"))
		repo.Write(t, "charts/own/values.yaml", []byte("a: b\n"))
		repo.Write(t, "charts/own/templates/x.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"+template))
		return "charts/own"
	}
}

func TestPoint(t *testing.T) {
	data := ownChart(t, "data: {{ toYaml .Values.list | nindent 2 }}\n")
	many := ""
	for i := range 300 {
		many += fmt.Sprintf("    v%d: %d\n", i, i)
	}
	for name, test := range map[string]struct {
		chart  func(fleettest.Repo) string
		values string
		places string
	}{
		"the chart alone":        {ownChart(t, "data: 7\n"), "    c: d\n", "clusters/fleet.yaml:8:5"},
		"the chart, no values":   {ownChart(t, "data: 7\n"), "", "clusters/fleet.yaml:8:5"},
		"fails":                  {ownChart(t, "{{ if eq .Values.a `bad` }}{{ fail `no` }}{{ end }}\n"), "    c: d\n    a: bad\n", "clusters/dev/spec.yaml:8:5"},
		"fails by two together":  {ownChart(t, "{{ if and .Values.p .Values.q }}{{ fail `no` }}{{ end }}\n"), "    p: 1\n    q: 1\n", "clusters/dev/spec.yaml:7:5"},
		"fails by one of two":    {ownChart(t, "{{ if or .Values.p .Values.q }}{{ fail `no` }}{{ end }}\n"), "    p: 1\n    q: 1\n", "clusters/fleet.yaml:8:5"},
		"a list for a mapping":   {data, "    list: [1]\n", "clusters/dev/spec.yaml:7:5"},
		"one of several":         {data, "    list: {a: x, b: 7, c: x}\n", "clusters/dev/spec.yaml:7:18"},
		"two of several":         {data, "    list: {b: 7, c: 8}\n", "clusters/dev/spec.yaml:7:12 clusters/dev/spec.yaml:7:18"},
		"not YAML":               {ownChart(t, "data: {a: {{ .Values.a }} }\n"), "    a: '\"'\n", "clusters/dev/spec.yaml:7:5"},
		"more values than tries": {data, many + "    list: {b: 7}\n", "clusters/dev/spec.yaml:307:12"},
	} {
		t.Run(name, func(t *testing.T) {
			spec := ""
			if test.values != "" {
				spec = "  values:\n" + test.values
			}
			found := build(t, test.chart, spec, "")
			var places []string
			for _, f := range found {
				places = append(places, f.Position())
			}
			if got := strings.Join(places, " "); got != test.places {
				t.Errorf("at %s, not %s: %+v", got, test.places, found)
			}
		})
	}
}
