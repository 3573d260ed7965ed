package conform_test

import (
	"maps"
	"os"
	"slices"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/internal/upstream"
	"kasou/pipelines/chart"
	"kasou/pipelines/conform"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

// booleans returns the paths of all booleans in the values.
func booleans(values map[string]any, path ...string) [][]string {
	var all [][]string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		at := append(slices.Clone(path), key)
		switch v := values[key].(type) {
		case bool:
			all = append(all, at)
		case map[string]any:
			all = append(all, booleans(v, at...)...)
		}
	}
	return all
}

// turned returns values with the boolean at path true, and each `enabled` or `create`
// beside it and above it.
func turned(defaults map[string]any, path []string) []byte {
	out := map[string]any{}
	into, from := out, defaults
	for i, key := range path {
		for _, switched := range []string{"enabled", "create"} {
			if _, is := from[switched].(bool); is {
				into[switched] = true
			}
		}
		if i == len(path)-1 {
			into[key] = true
			break
		}
		next := map[string]any{}
		into[key] = next
		into, from = next, from[key].(map[string]any)
	}
	data, err := yaml.Marshal(out)
	if err != nil {
		panic(err)
	}
	return data
}

// Every kind that a vcluster chart renders when a boolean of its values is turned on
// has a schema in kasou, and what the chart renders agrees with it.
func TestEveryKindThatAChartCanRenderHasASchema(t *testing.T) {
	tools, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tools.Close() }()
	schemas := open(t, "1.34.1")
	kinds := map[string]bool{}
	for _, file := range upstream.All(t) {
		archive, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		ch := toolchain.Chart{Name: "vcluster", Digest: manifest.Digest(archive), Archive: archive}
		for _, values := range valuesToTurn(t, ch) {
			release := toolchain.Release{Name: "dev", Namespace: "dev", Chart: ch, KubeVersion: "1.34.1", Values: values}
			rendered, err := tools.Template(t.Context(), release)[0].Get()
			if err != nil {
				continue // the chart refuses the combination
			}
			set := manifest.ParseAll(manifest.Rendered, rendered)
			for _, d := range set.Documents() {
				kinds[d.Head.APIVersion+" "+d.Head.Kind] = true
			}
			c := fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{Namespace: "dev"}}
			findings, err := conform.Check(t.Context(), kubeconform, schemas, conform.Job{Cluster: c, Files: set})[0].Get()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Rule == conform.RuleUnknownKind {
					t.Errorf("%s with\n%s%s", file, values, f.Message)
				}
			}
		}
	}
	for _, kind := range []string{"monitoring.coreos.com/v1 ServiceMonitor", "gateway.networking.k8s.io/v1 TLSRoute", "networking.k8s.io/v1 Ingress"} {
		if !kinds[kind] {
			t.Errorf("no chart rendered %s: %v", kind, slices.Sorted(maps.Keys(kinds)))
		}
	}
}

func valuesToTurn(t *testing.T, ch toolchain.Chart) [][]byte {
	t.Helper()
	text, err := chart.Defaults(ch)
	if err != nil {
		t.Fatal(err)
	}
	var defaults map[string]any
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		t.Fatal(err)
	}
	all := [][]byte{nil}
	for _, path := range booleans(defaults) {
		all = append(all, turned(defaults, path))
	}
	if len(all) < 5 {
		t.Fatalf("%s has only %d booleans", ch.Name, len(all))
	}
	return all
}
