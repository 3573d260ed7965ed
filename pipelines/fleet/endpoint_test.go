package fleet

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const gatewayDefaults = "  defaults: {endpoint: {gateway: {parentRefs: [{name: public, namespace: gateways}]}}}\n"

func TestWaysIn(t *testing.T) {
	for name, test := range map[string]struct {
		shared, spec string
		want         []string
		server       string
	}{
		"none":                         {"", "", nil, ""},
		"an ingress":                   {"", "  endpoint: {ingress: {host: a.example.com}}\n", []string{"ingress a.example.com"}, "https://a.example.com"},
		"the class is shared":          {"  defaults: {ingress: {className: nginx}}\n", "  endpoint: {ingress: {host: a.example.com}}\n", []string{"ingress a.example.com"}, "https://a.example.com"},
		"shared in the new form":       {"  defaults: {endpoint: {ingress: {host: '{name}.example.com'}}}\n", "", []string{"ingress a.example.com"}, "https://a.example.com"},
		"shared, and not for this one": {"  defaults: {endpoint: {ingress: {host: '{name}.example.com'}}}\n", "  ingress: {enabled: false}\n", nil, ""},
		"a gateway":                    {gatewayDefaults, "  endpoint: {gateway: {host: '{name}.example.com'}}\n", []string{"gateway a.example.com"}, "https://a.example.com"},
		"shared parents are no way in": {gatewayDefaults, "", nil, ""},
		"both, while it moves":         {gatewayDefaults, "  ingress: {enabled: true, host: old.example.com}\n  endpoint: {gateway: {host: new.example.com}}\n", []string{"gateway new.example.com", "ingress old.example.com"}, "https://new.example.com"},
		"both, and the old server":     {gatewayDefaults, "  ingress: {enabled: true, host: old.example.com}\n  endpoint: {gateway: {host: new.example.com}}\n  server: https://old.example.com\n", []string{"gateway new.example.com", "ingress old.example.com"}, "https://old.example.com"},
		"one name for both":            {gatewayDefaults, "  ingress: {enabled: true, host: a.example.com}\n  endpoint: {gateway: {host: a.example.com}}\n", []string{"gateway a.example.com", "ingress a.example.com"}, "https://a.example.com"},
		"a load balancer":              {"", "  endpoint: {loadBalancer: {host: 'fd00::1'}}\n", []string{"loadBalancer fd00::1"}, "https://[fd00::1]"},
		"a node port":                  {"", "  endpoint: {nodePort: {host: 10.1.2.3, port: 30443}}\n", []string{"nodePort 10.1.2.3"}, "https://10.1.2.3:30443"},
	} {
		t.Run(name, func(t *testing.T) {
			f, findings := loadClasses(t, test.shared, test.spec)
			if findings.Failed() {
				t.Fatal(findings)
			}
			var got []string
			for _, w := range f.Clusters[0].Spec.Ways() {
				got = append(got, w.Kind+" "+w.Host)
			}
			if diff := cmp.Diff(test.want, got); diff != "" || f.Clusters[0].Spec.Server != test.server {
				t.Errorf("server %q\n%s", f.Clusters[0].Spec.Server, diff)
			}
		})
	}
}

func TestWaysInThatLackSomething(t *testing.T) {
	for name, test := range map[string]struct{ shared, spec, at, says string }{
		"no parent":            {"", "  endpoint: {gateway: {host: a.example.com}}\n", "clusters/a/spec.yaml:6:14", "endpoint.gateway.parentRefs is missing"},
		"no host":              {gatewayDefaults, "  endpoint: {gateway: {}}\n", "clusters/a/spec.yaml:6:14", "endpoint.gateway has no host"},
		"no host of all":       {"  defaults: {endpoint: {gateway: {enabled: true}}}\n", "", "clusters/fleet.yaml:6:", "endpoint.gateway has no host"},
		"an address":           {gatewayDefaults, "  endpoint: {gateway: {host: 10.0.0.1}}\n", "clusters/a/spec.yaml:6:24", "is an IP address"},
		"a URL":                {"", "  endpoint: {loadBalancer: {host: 'https://a.example.com'}}\n", "clusters/a/spec.yaml:6:29", "is a URL"},
		"the machine itself":   {"", "  endpoint: {loadBalancer: {host: 127.0.0.1}}\n", "clusters/a/spec.yaml:6:29", "means the machine itself"},
		"no port":              {"", "  endpoint: {nodePort: {host: 10.0.0.1}}\n", "clusters/a/spec.yaml:6:14", "endpoint.nodePort.port is missing"},
		"a port too high":      {"", "  endpoint: {nodePort: {host: 10.0.0.1, port: 70000}}\n", "clusters/a/spec.yaml:6:41", "port"},
		"two types":            {"", "  endpoint: {nodePort: {host: 10.0.0.1, port: 30443}, loadBalancer: {host: a.example.com}}\n", "clusters/a/spec.yaml:6:14", "stands beside loadBalancer"},
		"two ingresses":        {"", "  ingress: {host: a.example.com}\n  endpoint: {ingress: {host: b.example.com}}\n", "clusters/a/spec.yaml:7:14", "stands beside spec.ingress"},
		"an ingress's host":    {"", "  endpoint: {ingress: {host: 'a b'}}\n", "clusters/a/spec.yaml:6:24", "is not a DNS name"},
		"an unknown field":     {"", "  endpoint: {gatway: {host: a.example.com}}\n", "clusters/a/spec.yaml:6:14", "gatway"},
		"a hook":               {gatewayDefaults, "  endpoint: {gateway: {host: a.example.com, annotations: {argocd.argoproj.io/hook: PreSync}}}\n", "clusters/a/spec.yaml:6:59", "is not for a spec to set"},
		"an Ingress's hook":    {"", "  ingress: {host: a.example.com, annotations: {argocd.argoproj.io/hook: PreSync}}\n", "clusters/a/spec.yaml:6:", "is not for a spec to set"},
		"its hook, endpoint's": {"", "  endpoint: {ingress: {host: a.example.com, annotations: {argocd.argoproj.io/hook: PreSync}}}\n", "clusters/a/spec.yaml:6:", "is not for a spec to set"},
		"its shared hook":      {"  defaults: {ingress: {annotations: {helm.sh/hook: pre-install}}}\n", "  ingress: {host: a.example.com}\n", "clusters/fleet.yaml:6:", "is not for a spec to set"},
		"a shared hook":        {"  defaults: {endpoint: {loadBalancer: {annotations: {helm.sh/hook: pre-install}}}}\n", "  endpoint: {loadBalancer: {host: a.example.com}}\n", "clusters/fleet.yaml:6:", "is not for a spec to set"},
		"nothing to publish":   {"", "  endpoint: {dns: {targets: [10.0.0.1]}}\n", "clusters/a/spec.yaml:6:14", "has no host to publish"},
		"a name beside others": {"", "  endpoint: {loadBalancer: {host: a.example.com}, dns: {targets: [10.0.0.1, b.example.com]}}\n", "clusters/a/spec.yaml:6:57", "has a name beside other targets"},
		"a target":             {"", "  endpoint: {loadBalancer: {host: a.example.com}, dns: {targets: ['b c']}}\n", "clusters/a/spec.yaml:6:", "b c"},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := loadClasses(t, test.shared, test.spec)
			n := 0
			for _, f := range findings {
				form := name == "an unknown field" || name == "a port too high" || name == "an ingress's host" || strings.Contains(name, "hook")
				if (form || f.Rule == RuleEndpoint) && strings.HasPrefix(f.String(), test.at) && strings.Contains(f.Message, test.says) {
					n++
				}
			}
			if n != 1 {
				t.Errorf("findings %v", findings)
			}
		})
	}
}

func TestClustersWithOneWayIn(t *testing.T) {
	port := "{endpoint: {nodePort: {host: 10.0.0.%, port: 30443}}}"
	for name, test := range map[string]struct{ a, b, rule string }{
		"a node port": {strings.Replace(port, "%", "1", 1), strings.Replace(port, "%", "2", 1), "[fleet-duplicate-node-port]"},
		"a gateway and an ingress": {
			"{endpoint: {gateway: {host: x.example.com, parentRefs: [{name: public}]}}}", "{ingress: {enabled: true, host: X.example.com}}", "[fleet-duplicate-host]",
		},
		"a port of its own": {"{endpoint: {nodePort: {host: 10.0.0.1, port: 1443}}}", "{}", "[fleet-node-port]"},
	} {
		_, findings := load(t, repo(t, map[string]string{"a/spec.yaml": specOf("a", test.a), "b/spec.yaml": specOf("b", test.b)}))
		if len(findings) == 0 || !strings.Contains(findings[0].String(), test.rule) {
			t.Errorf("%s: %v", name, findings)
		}
	}
}
