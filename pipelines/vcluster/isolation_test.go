package vcluster_test

import (
	"strings"
	"testing"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
)

func TestValuesThatOpenTheIsolation(t *testing.T) {
	on := map[string]any{"enabled": true}
	for name, test := range map[string]struct {
		version string
		values  map[string]any
		says    string
	}{
		"custom resources":           {"0.36.1", map[string]any{"sync": map[string]any{"toHost": map[string]any{"customResources": map[string]any{"a.example.com": on}}}}, "the host's controllers act"},
		"none of them":               {"0.36.1", map[string]any{"sync": map[string]any{"toHost": map[string]any{"customResources": map[string]any{}}}}, ""},
		"nodes":                      {"0.24.1", map[string]any{"sync": map[string]any{"fromHost": map[string]any{"nodes": on}}}, "sync.fromHost.nodes.enabled opens"},
		"nodes, switched off":        {"0.24.1", map[string]any{"sync": map[string]any{"fromHost": map[string]any{"nodes": map[string]any{"enabled": false}}}}, ""},
		"rights":                     {"0.30.0", map[string]any{"rbac": map[string]any{"clusterRole": map[string]any{"extraRules": []any{map[string]any{}}}}}, "rights on the whole host"},
		"nodes of an old chart":      {"0.19.7", map[string]any{"sync": map[string]any{"nodes": on}}, "sync.nodes.enabled opens"},
		"a new value, an old chart":  {"0.19.7", map[string]any{"sync": map[string]any{"fromHost": map[string]any{"nodes": on}}}, ""},
		"rights of the oldest chart": {"0.4.3", map[string]any{"rbac": map[string]any{"clusterRole": map[string]any{"create": true}}}, "rights on the whole host"},
	} {
		c := fullCluster()
		c.Spec.Values = test.values
		_, found := vcluster.Plan(c, toolchain.Chart{Name: "vcluster", Version: test.version})
		said := ""
		for _, f := range found {
			if f.Rule == vcluster.RuleIsolation {
				said += f.Message
			}
		}
		if test.says == "" && said != "" || !strings.Contains(said, test.says) {
			t.Errorf("%s: %q", name, said)
		}
	}
}
