package fleet

import (
	"strings"
	"testing"
)

func TestNewSpec(t *testing.T) {
	remote := Chart{Repository: "https://charts.loft.sh", Name: "vcluster", Version: "0.4.3"}
	for _, o := range []NewOptions{
		{Name: "staging"},
		{Name: "staging", Endpoint: "staging.example.com"},
		{Name: "staging", Namespace: "team", Chart: remote, Endpoint: "staging.example.com"},
		{Name: "true", Namespace: "123", Chart: Chart{Path: "charts/vcluster"}},
		{Name: "null"}, {Name: "y"}, {Name: "1e3"}, {Name: "console"}, {Name: "com10"},
	} {
		data, err := NewSpec(o)
		if err != nil {
			t.Errorf("%+v: %v\n%s", o, err, data)
			continue
		}
		if !strings.HasPrefix(string(data), "# yaml-language-server: $schema=../spec.schema.json\n") {
			t.Errorf("%+v: an editor finds no schema in\n%s", o, data)
		}
		f, findings := load(t, repo(t, map[string]string{o.Name + "/spec.yaml": string(data)}))
		if findings.Failed() {
			t.Errorf("%+v:\n%s%s", o, data, text(findings))
			continue
		}
		c := f.Clusters[0]
		if c.Spec.Ingress.Host != o.Endpoint || *c.Spec.Ingress.Enabled != (o.Endpoint != "") ||
			o.Namespace != "" && c.Spec.Namespace != o.Namespace || o.Chart != (Chart{}) && *c.Spec.Chart != o.Chart {
			t.Errorf("%+v became %+v", o, c.Spec)
		}
	}
}

func TestNewSpecRefuses(t *testing.T) {
	for _, tt := range []struct {
		options NewOptions
		want    []string
	}{
		{NewOptions{}, []string{"metadata.name is empty"}},
		{NewOptions{Name: "Upper", Endpoint: "a b"}, []string{"DNS label", "DNS name"}},
		{NewOptions{Name: "root"}, []string{"kasou needs"}},
		{NewOptions{Name: "con"}, []string{"device on Windows"}},
		{NewOptions{Name: "NUL"}, []string{"device on Windows"}},
		{NewOptions{Name: "com1"}, []string{"device on Windows"}},
		{NewOptions{Name: "Lpt9"}, []string{"device on Windows"}},
		{NewOptions{Name: "a\nb: c"}, []string{"DNS label"}},
		{NewOptions{Name: "a", Chart: Chart{Name: "vcluster", Version: "1"}}, []string{"exact version"}},
		{NewOptions{Name: "a", Namespace: "kube-system"}, []string{"belongs to Kubernetes"}},
	} {
		_, err := NewSpec(tt.options)
		for _, part := range tt.want {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%+v: %v, want %q in it", tt.options, err, part)
			}
		}
	}
}

// fleetOfHosts has hosts and no single one, and a class for each kind of endpoint.
const fleetOfHosts = `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://github.com/acme/platform.git"}
  hosts:
    eu-1: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}
    us-1: {kubernetesVersion: 1.30.14, serviceCIDR: 10.96.0.0/16, destination: {name: us-1}}
  defaults: {endpoint: {gateway: {parentRefs: [{name: public}]}}}
  classes:
    plain: {host: us-1, endpoint: {gateway: {enabled: false}}}
    balanced: {extends: plain, endpoint: {loadBalancer: {annotations: {a: b}}}}
    port: {endpoint: {gateway: {enabled: false}, loadBalancer: {enabled: false}, nodePort: {port: 30443}}}
    again: {extends: plain, endpoint: {gateway: {enabled: true}}}
`

func TestNewSpecTakesTheFleetsEndpoint(t *testing.T) {
	f, _ := load(t, repo(t, map[string]string{"fleet.yaml": fleetOfHosts}))
	for class, want := range map[string]string{
		"": ByGateway, "plain": ByIngress, "balanced": ByLoadBalancer, "port": ByNodePort, "again": ByGateway, "nowhere": ByGateway,
	} {
		if got := f.EndpointKind(class); got != want {
			t.Errorf("class %q: %s, want %s", class, got, want)
		}
		if class == "nowhere" {
			continue
		}
		o := NewOptions{Name: "staging", Class: class, Host: "eu-1", Endpoint: "staging.example.com", EndpointKind: want}
		data, err := NewSpec(o)
		if err != nil {
			t.Errorf("class %q: %v", class, err)
			continue
		}
		made, findings := load(t, repo(t, map[string]string{"fleet.yaml": fleetOfHosts, "staging/spec.yaml": string(data)}))
		if findings.Failed() {
			t.Errorf("class %q:\n%s%s", class, data, text(findings))
			continue
		}
		if ways := made.Clusters[0].Spec.Ways(); len(ways) != 1 || ways[0].Kind != want || ways[0].Host != o.Endpoint || made.Clusters[0].Spec.Host != "eu-1" {
			t.Errorf("class %q: %+v of\n%s", class, ways, data)
		}
	}
}

func TestCheckNew(t *testing.T) {
	single, _ := load(t, repo(t, nil))
	several, _ := load(t, repo(t, map[string]string{"fleet.yaml": fleetOfHosts}))
	for _, tt := range []struct {
		fleet   *Fleet
		options NewOptions
		want    string
	}{
		{single, NewOptions{}, ""},
		{single, NewOptions{Host: "eu-1"}, `"eu-1" is not a host of the fleet`},
		{single, NewOptions{Class: "small"}, "into fleet.yaml, which has no classes"},
		{several, NewOptions{Host: "eu-1"}, ""},
		{several, NewOptions{Class: "balanced"}, ""},
		{several, NewOptions{}, "spec.host is missing, and fleet.yaml has no single host (--host): Write one of eu-1 or us-1."},
		{several, NewOptions{Class: "port"}, "--host"},
		{several, NewOptions{Host: "eu-2"}, `Did you mean "eu-1"?`},
		{several, NewOptions{Host: "eu-1", Class: "pot"}, `"pot" is not a class`},
	} {
		err := tt.fleet.CheckNew(tt.options)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: %v, want %q", tt.options, err, tt.want)
		}
	}
}
