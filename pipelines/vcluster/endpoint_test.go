package vcluster_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/upstream"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
)

func withEndpoint(e fleet.Endpoint) fleet.Cluster {
	c := fullCluster()
	c.Spec.Ingress, c.Spec.Endpoint = &fleet.Ingress{}, &e
	c.Spec.Server = c.Spec.Ways()[0].URL()
	return c
}

// sans are the names that the vcluster is told to have in its certificate.
func sans(t *testing.T, ch toolchain.Chart, objects []object) []any {
	if ch.Name == "vcluster" && !strings.HasPrefix(ch.Version, "0.4.") && !strings.HasPrefix(ch.Version, "0.1") {
		list, _ := dig(config(t, objects), "controlPlane", "proxy", "extraSANs").([]any)
		return list
	}
	var names []any
	for _, word := range words(containers(objects)["syncer"]) {
		if name, ok := strings.CutPrefix(word, "--tls-san="); ok {
			names = append(names, name)
		}
	}
	return names
}

// TestEndpointsOfUpstream renders every real chart with every way in, and looks for what
// serves, and for its name in the certificate.
func TestEndpointsOfUpstream(t *testing.T) {
	for _, file := range upstream.All(t) {
		ch := chartOf(file)
		t.Run(ch.Name+"-"+ch.Version, func(t *testing.T) {
			t.Run("gateway", func(t *testing.T) {
				c := withEndpoint(fleet.Endpoint{Gateway: &fleet.GatewayEndpoint{
					Host: host, ParentRefs: []fleet.ParentRef{{Name: "public", Namespace: "gateways", SectionName: "tls", Port: 443}}, Annotations: map[string]string{"a": "b"},
				}})
				result, objects := planned(t, c, file, ch)
				for _, o := range result.Objects {
					objects = append(objects, o.Manifest)
				}
				route := one(t, objects, "TLSRoute", "dev")
				parents := []any{map[string]any{"name": "public", "namespace": "gateways", "sectionName": "tls", "port": 443}}
				if diff := cmp.Diff(map[string]any{"parentRefs": parents, "hostnames": []any{host}}, map[string]any{
					"parentRefs": whole(dig(route, "spec", "parentRefs")), "hostnames": dig(route, "spec", "hostnames"),
				}); diff != "" {
					t.Error(diff)
				}
				if dig(route, "metadata", "annotations", "a") != "b" || route["apiVersion"] != "gateway.networking.k8s.io/v1" {
					t.Errorf("route: %v", route)
				}
				backend := dig(route, "spec", "rules").([]any)[0].(map[string]any)["backendRefs"].([]any)[0].(map[string]any)
				if one(t, objects, "Service", "dev"); backend["name"] != "dev" {
					t.Errorf("backend: %v", backend)
				}
			})
			t.Run("load balancer", func(t *testing.T) {
				c := withEndpoint(fleet.Endpoint{LoadBalancer: &fleet.LoadBalancerEndpoint{Host: host}})
				_, objects := planned(t, c, file, ch, "vcluster-unsupported-field")
				told := false
				balanced := slices.ContainsFunc(objects, func(o object) bool {
					told = told || dig(o, "metadata", "annotations", "external-dns.alpha.kubernetes.io/hostname") == host
					return o["kind"] == "Service" && dig(o, "spec", "type") == "LoadBalancer"
				})
				_, found := vcluster.Plan(c, ch)
				if !balanced || told == (found.Count(finding.Warning) > 0) {
					t.Errorf("a load balancer: %v, ExternalDNS learns of it: %v, findings %v", balanced, told, found)
				}
			})
			t.Run("node port", func(t *testing.T) {
				c := withEndpoint(fleet.Endpoint{NodePort: &fleet.NodePortEndpoint{Host: "10.1.2.3", Port: 30443}})
				if _, found := vcluster.Plan(c, ch); found.Failed() {
					if strings.HasPrefix(ch.Version, "0.19") || strings.HasPrefix(ch.Version, "0.2") || strings.HasPrefix(ch.Version, "0.3") {
						t.Error(found)
					}
					return // no chart before 0.19 takes a port
				}
				_, objects := planned(t, c, file, ch)
				if port := dig(one(t, objects, "Service", "dev"), "spec", "ports").([]any)[0].(map[string]any)["nodePort"]; whole(port) != 30443 {
					t.Errorf("port %v", port)
				}
			})
		})
	}
}

// whole has whole numbers in place of those of JSON.
func whole(value any) any {
	switch v := value.(type) {
	case float64:
		return int(v)
	case int64:
		return int(v)
	case []any:
		for i := range v {
			v[i] = whole(v[i])
		}
	case map[string]any:
		for key := range maps.Clone(v) {
			v[key] = whole(v[key])
		}
	}
	return value
}

// planned renders the chart by the plan, which may have warnings of the rules, and checks
// that the certificate and the kubeconfig have what the endpoint says.
func planned(t *testing.T, c fleet.Cluster, file string, ch toolchain.Chart, rules ...string) (vcluster.Result, []object) {
	t.Helper()
	result, found := vcluster.Plan(c, ch)
	for _, f := range found {
		if f.Severity == finding.Error || f.Severity == finding.Warning && !slices.Contains(rules, string(f.Rule)) {
			t.Error(f)
		}
	}
	objects := render(t, file, "dev", result.Values)
	if name := c.Spec.Ways()[0].Host; !slices.Contains(sans(t, ch, objects), any(name)) {
		t.Errorf("the certificate's names: %v, want %s", sans(t, ch, objects), name)
	}
	return result, objects
}

func TestBothWaysInAreInTheCertificate(t *testing.T) {
	c := withEndpoint(fleet.Endpoint{Gateway: &fleet.GatewayEndpoint{Host: "gw.example.com", ParentRefs: []fleet.ParentRef{{Name: "public"}}}})
	on := true
	c.Spec.Ingress = &fleet.Ingress{Enabled: &on, Host: host, ClassName: "nginx"}
	for _, file := range upstream.All(t) {
		ch := chartOf(file)
		_, objects := planned(t, c, file, ch)
		if names := sans(t, ch, objects); !slices.Contains(names, any(host)) || len(names) != 2 {
			t.Errorf("%s %s: %v", ch.Name, ch.Version, names)
		}
	}
}

func TestDNSEndpoint(t *testing.T) {
	c := withEndpoint(fleet.Endpoint{
		LoadBalancer: &fleet.LoadBalancerEndpoint{Host: host},
		DNS:          &fleet.EndpointDNS{Targets: []string{"203.0.113.10", "2001:db8::1", "203.0.113.11"}, TTL: 60},
	})
	result, found := vcluster.Plan(c, toolchain.Chart{Name: "vcluster", Version: "0.4.3"})
	if len(found) > 0 || len(result.Objects) != 1 {
		t.Fatalf("findings %v, objects %v", found, result.Objects)
	}
	want := map[string]any{"endpoints": []any{
		map[string]any{"dnsName": host, "recordType": "A", "targets": []any{"203.0.113.10", "203.0.113.11"}, "recordTTL": 60},
		map[string]any{"dnsName": host, "recordType": "AAAA", "targets": []any{"2001:db8::1"}, "recordTTL": 60},
	}}
	if diff := cmp.Diff(want, result.Objects[0].Manifest["spec"]); diff != "" {
		t.Error(diff)
	}
}

func TestWhoPassesTLSThrough(t *testing.T) {
	on, nginx := true, "nginx.ingress.kubernetes.io/ssl-passthrough"
	for name, test := range map[string]struct {
		class string
		notes map[string]string
		value map[string]any
		warns bool
	}{
		"nginx":                     {class: "nginx"},
		"the default class":         {},
		"nginx by another name":     {class: "public", notes: map[string]string{nginx: "true"}},
		"nginx that ends it":        {class: "nginx", notes: map[string]string{nginx: "false"}, warns: true},
		"nginx whose note is gone":  {class: "nginx", value: map[string]any{nginx: nil}, warns: true},
		"traefik":                   {class: "traefik", warns: true},
		"haproxy that passes it":    {class: "haproxy", notes: map[string]string{"haproxy.org/ssl-passthrough": "true"}},
		"haproxy that does not":     {class: "haproxy", notes: map[string]string{"haproxy.org/ssl-passthrough": "false"}, warns: true},
		"the note is in the values": {class: "haproxy", value: map[string]any{"haproxy.org/ssl-passthrough": "true"}},
	} {
		c := fullCluster()
		c.Spec.Ingress = &fleet.Ingress{Enabled: &on, Host: host, ClassName: test.class, Annotations: test.notes}
		if test.value != nil {
			c.Spec.Values = map[string]any{"controlPlane": map[string]any{"ingress": map[string]any{"annotations": test.value}}}
		}
		_, found := vcluster.Plan(c, toolchain.Chart{Name: "vcluster", Version: "0.36.1"})
		if warns := strings.Contains(brief(found), "vcluster-tls-ends"); warns != test.warns {
			t.Errorf("%s: %v", name, found)
		}
	}
}
