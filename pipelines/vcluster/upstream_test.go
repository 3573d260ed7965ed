package vcluster_test

import (
	"encoding/base64"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"kasou/internal/upstream"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
)

const (
	cidr   = "10.55.0.0/16"
	host   = "dev.k8s.example.com"
	server = "https://api.example.com:8443"
)

// fullCluster sets every field that a chart can take.
func fullCluster() fleet.Cluster {
	on := true
	return fleet.Cluster{Name: "dev", File: "clusters/dev/spec.yaml", Spec: fleet.ClusterSpec{
		Namespace: "place", ServiceCIDR: cidr, Server: server, Chart: &fleet.Chart{},
		Ingress: &fleet.Ingress{
			Enabled: &on, Host: host, ClassName: "nginx-public",
			Annotations: map[string]string{"example.com/team": "platform"},
		},
	}}
}

// carrier reports whether rendered objects carry the service CIDR.
type carrier func(t *testing.T, objects []object) bool

func inArgs(container, flag string) carrier {
	return func(_ *testing.T, objects []object) bool {
		return slices.Contains(words(containers(objects)[container]), flag+"="+cidr)
	}
}

func inConfig(t *testing.T, objects []object) bool { return config(t, objects)["serviceCIDR"] == cidr }

func inK0s(t *testing.T, objects []object) bool {
	text, _ := dig(one(t, objects, "Secret", "vc-dev-config"), "stringData", "config.yaml").(string)
	return strings.Contains(text, "serviceCIDR: "+cidr+"\n")
}

func both(a, b carrier) carrier {
	return func(t *testing.T, objects []object) bool { return a(t, objects) && b(t, objects) }
}

// config returns what the chart of 0.20 and later hands to the vcluster.
func config(t *testing.T, objects []object) map[string]any {
	t.Helper()
	encoded, _ := dig(one(t, objects, "Secret", "vc-config-dev"), "data", "config.yaml").(string)
	data, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

// charts are the upstream charts that there must be, and how each takes the
// service CIDR; nil where it asks the host.
var charts = map[string]carrier{
	"vcluster-0.4.3":      inArgs("vcluster", "--service-cidr"),
	"vcluster-0.10.2":     inArgs("vcluster", "--service-cidr"),
	"vcluster-0.19.7":     nil,
	"vcluster-0.20.4":     inConfig,
	"vcluster-0.24.1":     inConfig,
	"vcluster-0.30.0":     inConfig,
	"vcluster-0.36.1":     inConfig,
	"vcluster-eks-0.19.7": nil,
	"vcluster-k0s-0.19.7": inK0s,
	"vcluster-k8s-0.18.1": both(inArgs("kube-apiserver", "--service-cluster-ip-range"), inArgs("kube-controller-manager", "--service-cluster-ip-range")),
	"vcluster-k8s-0.19.7": nil,
}

func chartOf(file string) toolchain.Chart {
	base := strings.TrimSuffix(filepath.Base(file), ".tgz")
	i := strings.LastIndex(base, "-")
	return toolchain.Chart{Name: base[:i], Version: base[i+1:]}
}

// TestUpstream renders every real chart with the plan for it, and looks for
// each field of the spec in what comes out.
func TestUpstream(t *testing.T) {
	for _, file := range upstream.All(t) {
		ch := chartOf(file)
		carries, known := charts[ch.Name+"-"+ch.Version]
		if !known {
			t.Errorf("%s: say in this test how it takes a service CIDR", file)
			continue
		}
		t.Run(ch.Name+"-"+ch.Version, func(t *testing.T) {
			result, found := vcluster.Plan(fullCluster(), ch)
			if found.Count(finding.Error)+found.Count(finding.Warning) > 0 {
				t.Errorf("findings: %v", found)
			}
			objects := render(t, file, "dev", result.Values)
			if carries != nil && !carries(t, objects) {
				t.Errorf("the service CIDR is not in the rendered objects; values %v", result.Values)
			}
			if noted := found.Count(finding.Note) == 1; noted != (carries == nil) {
				t.Errorf("notes of a missing service CIDR: %v", found)
			}
			checkIngress(t, objects)
			checkServer(t, ch, objects)
		})
	}
}

func checkIngress(t *testing.T, objects []object) {
	t.Helper()
	ingress := one(t, objects, "Ingress", "dev")
	rules, _ := dig(ingress, "spec", "rules").([]any)
	if len(rules) != 1 || dig(rules[0], "host") != host {
		t.Errorf("rules: %v", rules)
	}
	if class := dig(ingress, "spec", "ingressClassName"); class != "nginx-public" {
		t.Errorf("class: %v", class)
	}
	want := map[string]any{
		"example.com/team": "platform",
		"nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
		"nginx.ingress.kubernetes.io/ssl-passthrough":  "true",
		"nginx.ingress.kubernetes.io/ssl-redirect":     "true",
	}
	if diff := cmp.Diff(want, dig(ingress, "metadata", "annotations")); diff != "" {
		t.Errorf("annotations (-want +got):\n%s", diff)
	}
}

func checkServer(t *testing.T, ch toolchain.Chart, objects []object) {
	t.Helper()
	args := words(containers(objects)["syncer"])
	if slices.Contains(args, "--name=dev") || slices.Contains(args, "--suffix=dev") { // up to 0.19
		for _, want := range []string{"--tls-san=" + host, "--tls-san=api.example.com", "--out-kube-config-server=" + server} {
			if !slices.Contains(args, want) {
				t.Errorf("the syncer of %s lacks %s: %q", ch.Version, want, args)
			}
		}
		return
	}
	values := config(t, objects)
	if diff := cmp.Diff([]any{host, "api.example.com"}, dig(values, "controlPlane", "proxy", "extraSANs")); diff != "" {
		t.Errorf("SANs (-want +got):\n%s", diff)
	}
	if got := dig(values, "exportKubeConfig", "server"); got != server {
		t.Errorf("exported server: %v", got)
	}
}

// TestPrivateNodes: with private nodes the range goes where the schema of 0.26
// and later has it.
func TestPrivateNodes(t *testing.T) {
	c := fullCluster()
	c.Spec.Values = map[string]any{"privateNodes": map[string]any{"enabled": true}}
	for _, name := range []string{"vcluster-0.30.0", "vcluster-0.36.1"} {
		file := upstream.Chart(t, name)
		result, found := vcluster.Plan(c, chartOf(file))
		values := config(t, render(t, file, "dev", result.Values))
		if dig(values, "networking", "serviceCIDR") != cidr || values["serviceCIDR"] != nil || len(found) > 0 {
			t.Errorf("%s: networking %v, root %v, findings %v", name, values["networking"], values["serviceCIDR"], found)
		}
	}
}

// TestRemovedValuesBreakRender: what kasou says is gone, the chart refuses.
func TestRemovedValuesBreakRender(t *testing.T) {
	file := upstream.Chart(t, "vcluster-0.36.1")
	for name, values := range map[string]map[string]any{
		"k3s":       {"controlPlane": map[string]any{"distro": map[string]any{"k3s": map[string]any{"enabled": true}}}},
		"k0s":       {"controlPlane": map[string]any{"distro": map[string]any{"k0s": map[string]any{"enabled": true}}}},
		"snapshots": {"sync": map[string]any{"toHost": map[string]any{"volumeSnapshots": map[string]any{"enabled": true}}}},
		"contents":  {"sync": map[string]any{"toHost": map[string]any{"volumeSnapshotContents": map[string]any{"enabled": true}}}},
		"classes":   {"sync": map[string]any{"fromHost": map[string]any{"volumeSnapshotClasses": map[string]any{"enabled": true}}}},
		"control":   {"deploy": map[string]any{"volumeSnapshotController": map[string]any{"enabled": true}}},
		"rules":     {"rbac": map[string]any{"enableVolumeSnapshotRules": map[string]any{"enabled": true}}},
	} {
		t.Run(name, func(t *testing.T) {
			c := fullCluster()
			c.Spec.Values = values
			result, found := vcluster.Plan(c, chartOf(file))
			if len(found) != 1 || found[0].Rule != vcluster.RuleRemovedValue {
				t.Errorf("findings: %v", found)
			}
			if out, err := tryRender(t, file, "dev", result.Values); err == nil {
				t.Errorf("the chart takes it after all:\n%s", out)
			}
		})
	}
}
