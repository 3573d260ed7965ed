package vcluster_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
)

// TestExample is the spec of the design, as an expert would write its values.
func TestExample(t *testing.T) {
	on := true
	c := fleet.Cluster{Name: "development", Spec: fleet.ClusterSpec{
		Namespace: "development", ServiceCIDR: "10.96.0.0/16", Server: "https://dev.k8s.example.com",
		Ingress: &fleet.Ingress{Enabled: &on, Host: "dev.k8s.example.com", ClassName: "nginx"},
		Values:  map[string]any{},
	}}
	result, found := vcluster.Plan(c, toolchain.Chart{Name: "vcluster", Version: "0.4.3"})
	if len(found) > 0 || len(result.Objects) > 0 {
		t.Errorf("findings %v, objects %v", found, result.Objects)
	}
	got, err := vcluster.MarshalValues(result.Values)
	if err != nil {
		t.Fatal(err)
	}
	want := `# Written by kasou from spec.yaml. Do not edit.
ingress:
  annotations:
    kubernetes.io/ingress.class: null
  enabled: true
  host: dev.k8s.example.com
  ingressClassName: nginx
syncer:
  extraArgs:
  - --out-kube-config-server=https://dev.k8s.example.com
vcluster:
  extraArgs:
  - --service-cidr=10.96.0.0/16
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestServiceCIDR goes through every edition of every chart.
func TestServiceCIDR(t *testing.T) {
	const one, two = "10.0.0.0/16", "10.0.0.0/16,fd00::/112"
	argument := func(cidr string) map[string]any {
		return map[string]any{"vcluster": map[string]any{"extraArgs": []any{"--service-cidr=" + cidr}}}
	}
	root := func(cidr string) map[string]any { return map[string]any{"serviceCIDR": cidr} }
	none := map[string]any{}
	for _, test := range []struct {
		chart, version, cidr string
		values               map[string]any
		configMap            bool
		rules                string
	}{
		{"vcluster", "0.4.0", one, argument(one), false, ""},
		{"vcluster", "0.4.5", two, argument(two), false, ""},
		{"vcluster", "0.4.3", "", none, false, "error vcluster-missing-service-cidr"},
		{"vcluster", "0.5.0-alpha.3", one, root(one), false, ""},
		{"vcluster", "0.16.4", two, root(two), false, ""},
		{"vcluster", "0.17.0", one, none, true, ""},
		{"vcluster", "0.18.1", one, none, true, ""},
		{"vcluster", "0.18.1", two, none, false, "note vcluster-unsupported-field"},
		{"vcluster", "0.19.7", one, none, false, "note vcluster-unsupported-field"},
		{"vcluster", "0.19.7", "", none, false, ""},
		{"vcluster", "0.20.0-alpha.0", one, root(one), false, ""},
		{"vcluster", "v0.25.2", one, root(one), false, ""},
		{"vcluster", "0.36.0-beta.1", one, root(one), false, ""},
		{"vcluster", "0.36.9", one, root(one), false, ""},
		{"vcluster", "0.37.0", one, root(one), false, "note vcluster-newer-version"},
		{"vcluster", "1.0.0", one, root(one), false, "note vcluster-newer-version"},
		{"vcluster", "0.3.3", one, none, false, "error vcluster-version"},
		{"vcluster", "latest", one, none, false, "error vcluster-version"},
		{"vcluster-k8s", "0.4.3", one, none, false, "error vcluster-version"},
		{"vcluster-k8s", "0.16.4", one, root(one), false, ""},
		{"vcluster-k8s", "0.18.1", one, root(one), true, ""},
		{"vcluster-k8s", "0.18.1", two, root(two), false, ""},
		{"vcluster-k8s", "0.19.7", one, none, false, "note vcluster-unsupported-field"},
		{"vcluster-k8s", "0.20.0", "", none, false, "note vcluster-newer-version"},
		{"vcluster-eks", "0.5.0", one, none, false, "error vcluster-version"},
		{"vcluster-eks", "0.6.0", one, root(one), false, ""},
		{"vcluster-eks", "0.17.0", one, root(one), true, ""},
		{"vcluster-eks", "0.19.7", one, none, false, "note vcluster-unsupported-field"},
		{"vcluster-k0s", "0.5.0", one, root(one), false, ""},
		{"vcluster-k0s", "0.18.1", one, root(one), false, ""},
		{"vcluster-k0s", "0.19.7", two, root(one), false, "warning vcluster-unsupported-field"},
		{"redis", "0.4.3", one, none, false, "warning vcluster-unknown-chart"},
	} {
		t.Run(test.chart+" "+test.version+" "+test.cidr, func(t *testing.T) {
			c := fleet.Cluster{Name: "dev", Spec: fleet.ClusterSpec{Namespace: "place", ServiceCIDR: test.cidr}}
			result, found := vcluster.Plan(c, toolchain.Chart{Name: test.chart, Version: test.version})
			if diff := cmp.Diff(test.values, result.Values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if got := brief(found); got != test.rules {
				t.Errorf("findings %q, want %q", got, test.rules)
			}
			if test.configMap != (len(result.Objects) == 1) {
				t.Fatalf("objects: %v", result.Objects)
			}
			for _, o := range result.Objects {
				if dig(o.Manifest, "metadata", "name") != "vc-cidr-dev" || dig(o.Manifest, "metadata", "namespace") != "place" ||
					dig(o.Manifest, "data", "cidr") != test.cidr || o.File != "service-cidr.yaml" {
					t.Errorf("object: %v", o)
				}
			}
		})
	}
}

// brief returns severity and rule of each finding on one line.
func brief(found finding.List) string {
	text := ""
	for _, f := range found {
		if text != "" {
			text += ", "
		}
		text += f.Severity.String() + " " + string(f.Rule)
	}
	return text
}

func TestIngressAndServer(t *testing.T) {
	on, off := true, false
	args := func(list ...any) map[string]any { return map[string]any{"syncer": map[string]any{"extraArgs": list}} }
	for name, test := range map[string]struct {
		version string
		spec    fleet.ClusterSpec
		values  map[string]any
		rules   string
	}{
		"no ingress before 0.4.2": {
			"0.4.1", fleet.ClusterSpec{Ingress: &fleet.Ingress{Enabled: &on, Host: "a"}, Server: "https://a"},
			args("--tls-san=a", "--out-kube-config-server=https://a"), "error vcluster-unsupported-field",
		},
		"ingress off": {
			"0.19.0", fleet.ClusterSpec{Ingress: &fleet.Ingress{Enabled: &off, Host: "a"}, Server: "https://a:6443"},
			args("--tls-san=a", "--out-kube-config-server=https://a:6443"), "",
		},
		"IPv6 server": {
			"0.10.2", fleet.ClusterSpec{Server: "https://[fd00::1]:443"},
			args("--tls-san=fd00::1", "--out-kube-config-server=https://[fd00::1]:443"), "",
		},
		"class annotation on purpose": {
			"0.4.3", fleet.ClusterSpec{Ingress: &fleet.Ingress{Enabled: &on, Host: "a", Annotations: map[string]string{"kubernetes.io/ingress.class": "b"}}},
			map[string]any{"ingress": map[string]any{"enabled": true, "host": "a", "annotations": map[string]any{"kubernetes.io/ingress.class": "b"}}}, "warning vcluster-tls-ends",
		},
		"class twice": {
			"0.19.0", fleet.ClusterSpec{Ingress: &fleet.Ingress{Enabled: &on, Host: "a", ClassName: "b", Annotations: map[string]string{"kubernetes.io/ingress.class": "b"}}},
			map[string]any{"ingress": map[string]any{
				"enabled": true, "host": "a", "ingressClassName": "b",
				"annotations": map[string]any{"kubernetes.io/ingress.class": "b"},
			}}, "error vcluster-ingress-class, warning vcluster-tls-ends",
		},
		"one name for ingress and server": {
			"0.20.0", fleet.ClusterSpec{Ingress: &fleet.Ingress{Enabled: &on, Host: "a"}, Server: "https://a"},
			map[string]any{
				"controlPlane": map[string]any{
					"ingress": map[string]any{"enabled": true, "host": "a"},
					"proxy":   map[string]any{"extraSANs": []any{"a"}},
				},
				"exportKubeConfig": map[string]any{"server": "https://a"},
			}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			if test.version[:3] == "0.4" {
				test.spec.Values = map[string]any{"vcluster": map[string]any{"extraArgs": []any{"--service-cidr", "10.0.0.0/16"}}}
				test.values["vcluster"] = test.spec.Values["vcluster"]
			}
			result, found := vcluster.Plan(fleet.Cluster{Name: "dev", Spec: test.spec}, toolchain.Chart{Name: "vcluster", Version: test.version})
			if diff := cmp.Diff(test.values, result.Values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if got := brief(found); got != test.rules {
				t.Errorf("findings %q, want %q", got, test.rules)
			}
		})
	}
}

func TestHasPod(t *testing.T) {
	for chart, want := range map[string]bool{"vcluster": true, "": true, "vcluster-k0s": true, "vcluster-k8s": false, "vcluster-eks": false} {
		if got := vcluster.HasPod(chart); got != want {
			t.Errorf("%s: %v, want %v", chart, got, want)
		}
	}
}
