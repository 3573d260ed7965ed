package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/layout"
)

// only loads the one cluster "a" of a fleet whose defaults are given.
func only(t *testing.T, defaults, body string) Cluster {
	t.Helper()
	f := sound(t, map[string]string{
		layout.Fleet:  goodFleet + "  defaults: " + defaults + "\n",
		"a/spec.yaml": specOf("a", body),
	})
	return f.Clusters[0]
}

func TestOwnDefaults(t *testing.T) {
	f := sound(t, map[string]string{"a/spec.yaml": specOf("a", "{ingress: {enabled: true, host: a.example.com}}")})
	wantFleet := FleetSpec{
		Repository: Repository{URL: "https://github.com/acme/platform.git", Revision: "HEAD", Path: "clusters"},
		ArgoCD:     FleetArgoCD{Namespace: "argocd", Name: "kasou", Projects: []Project{{Name: "default"}}},
		Host:       Host{KubernetesVersion: "1.34.0", ServiceCIDR: "10.96.0.0/16"},
	}
	if diff := cmp.Diff(wantFleet, f.Spec); diff != "" {
		t.Error(diff)
	}
	yes := true
	want := ClusterSpec{
		Chart: &Chart{Path: "charts/vcluster"}, Namespace: "a", ServiceCIDR: "10.96.0.0/16",
		Ingress: &Ingress{Enabled: &yes, Host: "a.example.com"}, Server: "https://a.example.com",
		PodSecurity: &PodSecurity{}, ArgoCD: &ArgoCD{Project: "default", Automated: &yes, Deletion: "orphan"},
	}
	if diff := cmp.Diff(want, f.Clusters[0].Spec); diff != "" {
		t.Error(diff)
	}
}

func TestSealingDefault(t *testing.T) {
	f := sound(t, map[string]string{layout.Fleet: goodFleet + "  sealing: {certificate: a.crt}\n"})
	if f.Spec.Sealing.MaxAge != "720h" {
		t.Errorf("maxAge %q", f.Spec.Sealing.MaxAge)
	}
}

// Any field of a spec can stand in the defaults, and the spec wins.
func TestFleetDefaults(t *testing.T) {
	for _, tt := range []struct {
		name, defaults, body string
		want                 string // what the effective spec must hold, in YAML
	}{
		{"inherited", "{ingress: {className: nginx}, podSecurity: {enforce: baseline}}", "{}", "{ingress: {className: nginx, enabled: false}, podSecurity: {enforce: baseline}}"},
		{"maps are merged", "{ingress: {annotations: {a: '1', b: '1'}}}", "{ingress: {annotations: {b: '2'}}}", "{ingress: {annotations: {a: '1', b: '2'}}}"},
		{"false wins over true", "{argocd: {automated: true}, shareNamespace: true}", "{argocd: {automated: false}, shareNamespace: false}", "{argocd: {automated: false}}"},
		{"lists are replaced", "{values: {a: [1, 2], b: {c: [3]}}}", "{values: {a: [4]}}", "{values: {a: [4], b: {c: [3]}}}"},
		{"null of a spec survives", "{values: {sync: {nodes: {enabled: true}}}}", "{values: {sync: {nodes: null}}}", "{values: {sync: {nodes: null}}}"},
		{"null of the defaults survives", "{values: {a: {b: null, c: 1}}}", "{values: {a: {d: 2}}}", "{values: {a: {b: null, c: 1, d: 2}}}"},
		{"a null default is overridden", "{values: {a: null}}", "{values: {a: {b: 1}}}", "{values: {a: {b: 1}}}"},
		{"a map gives way to a scalar", "{values: {a: {b: 1}}}", "{values: {a: 2}}", "{values: {a: 2}}"},
		{"version alone", "{chart: {repository: 'https://e.com', name: v, version: 1.0.0}}", "{chart: {version: 1.0.1}}", "{chart: {repository: 'https://e.com', name: v, version: 1.0.1}}"},
		{"path replaces repository", "{chart: {repository: 'https://e.com', name: v, version: 1.0.0}}", "{chart: {path: charts/x}}", "{chart: {path: charts/x}}"},
		{"repository replaces path", "{chart: {path: charts/x}}", "{chart: {repository: 'oci://e.com/c', name: v, version: v1.0.0-rc.1}}", "{chart: {repository: 'oci://e.com/c', name: v, version: v1.0.0-rc.1}}"},
		{"yaml 1.1 as in helm", "{}", "{values: {a: yes, b: off, c: 0o7, d: 010, e: 1_000, f: 1e3, g: 2020-01-01, on: 1}}", "{values: {a: yes, b: off, c: 0o7, d: 010, e: 1_000, f: 1e3, g: 2020-01-01, on: 1}}"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := only(t, tt.defaults, tt.body).Spec
			var want ClusterSpec
			if err := yaml.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			// The rest is TestOwnDefaults'.
			full := Cluster{Name: "a", Spec: want}
			full.applyDefaults(FleetSpec{ArgoCD: FleetArgoCD{Projects: []Project{{Name: "default"}}}, Host: Host{ServiceCIDR: "10.96.0.0/16"}})
			if diff := cmp.Diff(full.Spec, got, cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A wrong default is one finding in fleet.yaml, however many inherit it.
func TestWrongDefaultIsReportedOnce(t *testing.T) {
	_, findings := load(t, repo(t, map[string]string{
		layout.Fleet:  goodFleet + "  defaults: {serviceCIDR: 10.96.0.1/16, argocd: {deletion: keep}}\n",
		"a/spec.yaml": specOf("a", "{}"), "b/spec.yaml": specOf("b", "{}"), "c/spec.yaml": specOf("c", "{serviceCIDR: auto}"),
	}))
	if len(findings) != 2 || findings[0].File != "clusters/fleet.yaml" || findings[1].Cluster != "" ||
		!strings.Contains(findings[0].Message, "10.96.0.1/16") || findings[1].Rule != RuleWrongValue {
		t.Errorf("findings:\n%s", text(findings))
	}
}
