package fleet

import (
	"slices"
	"strings"
	"testing"
	"time"

	"kasou/pipelines/finding"
)

// hostsOf returns a fleet.yaml with more in its spec, and without a single host.
func hostsOf(more string) string {
	return `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://github.com/acme/platform.git"}
` + more
}

const threeHosts = `  argocd: {context: mgmt, sealing: {certificate: mgmt.crt}}
  sealing: {certificate: shared.crt, maxAge: 10d, controller: sealing/shared}
  host: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}
  hosts:
    eu-1: {kubernetesVersion: "1.30", serviceCIDR: 10.97.0.0/16, destination: {name: eu-1}, sealing: {certificate: eu-1.crt, maxAge: 3d, controller: sealing/eu}, context: eu}
    us-1: {kubernetesVersion: v1.33.2, serviceCIDR: auto, destination: {server: "https://us-1.example.com:443/"}, sealing: {certificate: us-1.crt}}
    bare: {kubernetesVersion: 1.33.2, destination: {name: bare}}
`

func TestHosts(t *testing.T) {
	f := sound(t, map[string]string{"fleet.yaml": hostsOf(threeHosts),
		"a/spec.yaml": specOf("a", "{}"), "b/spec.yaml": specOf("b", "{host: eu-1}"), "c/spec.yaml": specOf("c", "{host: us-1}"),
	})
	s := f.Spec
	if names := s.HostNames(); !slices.Equal(names, []string{"", "bare", "eu-1", "us-1"}) {
		t.Errorf("%q", names)
	}
	for _, tt := range []struct{ host, destination, version, context, certificate, field, cidr string }{
		{"", "https://kubernetes.default.svc", "1.34.1", "mgmt", "shared.crt", "spec.sealing.certificate", "10.96.0.0/16"},
		{"eu-1", "eu-1", "1.30.0", "eu", "eu-1.crt", "spec.hosts.eu-1.sealing.certificate", "10.97.0.0/16"},
		{"us-1", "https://us-1.example.com:443/", "1.33.2", "us-1", "us-1.crt", "spec.hosts.us-1.sealing.certificate", "auto"},
		{"bare", "bare", "1.33.2", "bare", "", "spec.hosts.bare", ""},
	} {
		h, c := s.HostOf(tt.host), s.CertificateOf(tt.host)
		got := []string{s.DestinationOf(tt.host).String(), h.KubernetesVersion, s.ContextOf(tt.host), c.File, strings.Join(c.Field, "."), h.ServiceCIDR}
		if want := []string{tt.destination, tt.version, tt.context, tt.certificate, tt.field, tt.cidr}; !slices.Equal(got, want) {
			t.Errorf("host %q: %q, want %q", tt.host, got, want)
		}
	}
	if age := s.CertificateOf("eu-1").MaxAge; age != 3*24*time.Hour {
		t.Errorf("eu-1's own age is %s", age)
	}
	if age := s.CertificateOf("us-1").MaxAge; age != 10*24*time.Hour {
		t.Errorf("the fleet's age is %s", age)
	}
	for host, want := range map[string]string{"": "sealing/shared", "eu-1": "sealing/eu", "us-1": "sealing/shared"} {
		if got := s.CertificateOf(host).Controller; got != want {
			t.Errorf("host %q: its controller is %q, want %q", host, got, want)
		}
	}
	if c := s.ArgoCDCertificate(); c.File != "mgmt.crt" || strings.Join(c.Field, ".") != "spec.argocd.sealing.certificate" {
		t.Errorf("Argo CD's certificate is %+v", c)
	}
	if n := len(s.Certificates()); n != 4 {
		t.Errorf("%d certificates", n)
	}
	for i, cidr := range []string{"10.96.0.0/16", "10.97.0.0/16", "auto"} {
		if got := f.Clusters[i].Spec.ServiceCIDR; got != cidr {
			t.Errorf("cluster %d has the range %s", i, got)
		}
	}
}

// What is not said follows from which host is the cluster that Argo CD runs in.
func TestArgoCDsCluster(t *testing.T) {
	for name, tt := range map[string]struct{ more, context, certificate string }{
		"one host":          {"  host: {kubernetesVersion: 1.34.1}\n  sealing: {certificate: a.crt}\n", "", "a.crt"},
		"one host, context": {"  host: {kubernetesVersion: 1.34.1, context: c}\n  sealing: {certificate: a.crt}\n", "c", "a.crt"},
		"elsewhere":         {"  host: {kubernetesVersion: 1.34.1, destination: {name: x}, context: c}\n  sealing: {certificate: a.crt}\n", "unknown", "a.crt"},
		"elsewhere, known":  {"  argocd: {context: m, sealing: {certificate: m.crt}}\n  host: {kubernetesVersion: 1.34.1, destination: {name: x}}\n", "m", "m.crt"},
		"as before":         {"  argocd: {destination: \"https://x.example.com\"}\n  host: {kubernetesVersion: 1.34.1}\n", "unknown", ""},
		"one of the hosts":  {"  hosts: {m: {kubernetesVersion: 1.34.1, sealing: {certificate: m.crt}}, x: {kubernetesVersion: 1.34.1, destination: {name: x}, sealing: {certificate: x.crt}}}\n", "m", "m.crt"},
		"by its name":       {"  hosts: {m: {kubernetesVersion: 1.34.1, destination: {name: in-cluster}, context: c, sealing: {certificate: m.crt}}}\n", "c", "m.crt"},
		"none of the hosts": {"  hosts: {x: {kubernetesVersion: 1.34.1, destination: {name: x}, sealing: {certificate: x.crt}}}\n", "unknown", ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := sound(t, map[string]string{"fleet.yaml": hostsOf(tt.more)})
			context, known := f.Spec.ArgoCDContext()
			if !known {
				context = "unknown"
			}
			if certificate := f.Spec.ArgoCDCertificate().File; context != tt.context || certificate != tt.certificate {
				t.Errorf("context %q, certificate %q", context, certificate)
			}
		})
	}
}

func TestHostFindings(t *testing.T) {
	const two = "  hosts: {eu-1: {kubernetesVersion: 1.34.1, destination: {name: eu-1}}, us-1: {kubernetesVersion: 1.34.1, destination: {server: \"https://us-1.example.com\"}}}\n"
	for name, tt := range map[string]struct {
		fleet, spec string
		rule        finding.Rule
		file, text  string
	}{
		"none chosen":           {two, "{}", RuleHost, "a/spec.yaml:5", "Write one of eu-1 or us-1."},
		"a near name":           {two, "{host: eu1}", RuleHost, "a/spec.yaml:5", `Did you mean "eu-1"?`},
		"a far name":            {two, "{host: asia}", RuleHost, "a/spec.yaml:5", "Write one of eu-1 or us-1."},
		"a DNS name":            {two, "{host: a.example.com}", RuleHost, "a/spec.yaml:5", "below spec.ingress"},
		"by defaults":           {two + "  defaults: {host: eu1}\n", "{}", RuleHost, "fleet.yaml:6", `Did you mean "eu-1"?`},
		"neither":               {"", "{}", RuleMissingField, "fleet.yaml:", "spec.host is missing"},
		"no hosts at all":       {"  host: {kubernetesVersion: 1.34.1}\n", "{host: eu-1}", RuleHost, "a/spec.yaml:5", "Write the host into spec.hosts"},
		"a bad name":            {"  hosts: {EU_1: {kubernetesVersion: 1.34.1}}\n", "{host: EU_1}", RuleHosts, "fleet.yaml:5", "not a DNS label"},
		"two own clusters":      {"  hosts: {a: {kubernetesVersion: 1.34.1}, b: {kubernetesVersion: 1.34.1, destination: {name: in-cluster}}}\n", "{host: a}", RuleHosts, "fleet.yaml:5", "is the cluster in-cluster, as host a is"},
		"one server twice":      {"  hosts: {a: {kubernetesVersion: 1.34.1, destination: {server: \"https://x:443\"}}, b: {kubernetesVersion: 1.34.1, destination: {server: \"https://X/\"}}}\n", "{host: a}", RuleHosts, "fleet.yaml:5", "as host a is"},
		"the same as another":   {"  hosts: {a: {kubernetesVersion: 1.34.1, destination: {name: a}, sameAs: [\"https://B/\"]}, b: {kubernetesVersion: 1.34.1, destination: {server: \"https://b:443\"}}}\n", "{host: a}", RuleHosts, "fleet.yaml:5", "which is host b"},
		"two the same":          {"  hosts: {a: {kubernetesVersion: 1.34.1, destination: {name: a}, sameAs: [x]}, b: {kubernetesVersion: 1.34.1, destination: {name: b}, sameAs: [x]}}\n", "{host: a}", RuleHosts, "fleet.yaml:5", "which is host a"},
		"the same as nothing":   {"  host: {kubernetesVersion: 1.34.1, sameAs: [\"\"]}\n", "{}", RuleHosts, "fleet.yaml:5", "is empty"},
		"the same by HTTP":      {"  host: {kubernetesVersion: 1.34.1, sameAs: [\"http://x\"]}\n", "{}", RuleServer, "fleet.yaml:5", "https://"},
		"any name":              {"  hosts: {a: {kubernetesVersion: 1.34.1, destination: {name: \"*\"}}}\n", "{host: a}", RuleHosts, "fleet.yaml:5", "a pattern"},
		"all names but one":     {"  hosts: {a: {kubernetesVersion: 1.34.1, destination: {name: \"!b\"}}}\n", "{host: a}", RuleHosts, "fleet.yaml:5", "a pattern"},
		"any server":            {"  host: {kubernetesVersion: 1.34.1, destination: {server: \"https://*.example.com\"}}\n", "{}", RuleServer, "fleet.yaml:5", "a pattern"},
		"into all namespaces":   {"  host: {kubernetesVersion: 1.34.1}\n", "{allow: [{kind: ConfigMap, namespace: \"*\"}]}", RuleNamespace, "a/spec.yaml:5", "not a DNS label"},
		"out of one namespace":  {"  host: {kubernetesVersion: 1.34.1}\n", "{allow: [{kind: ConfigMap, namespace: \"!b\"}]}", RuleNamespace, "a/spec.yaml:5", "not a DNS label"},
		"any kind":              {"  host: {kubernetesVersion: 1.34.1}\n", "{allow: [{group: example.com, kind: \"*\"}]}", RuleWrongValue, "a/spec.yaml:5", "is not a kind"},
		"any group":             {"  host: {kubernetesVersion: 1.34.1}\n", "{allow: [{group: \"*\", kind: Widget}]}", RuleWrongValue, "a/spec.yaml:5", "not a name"},
		"a password, the same":  {"  host: {kubernetesVersion: 1.34.1, sameAs: [\"https://a:hunter2@x\"]}\n", "{}", RuleCredentials, "fleet.yaml:5", "credentials"},
		"an empty destination":  {"  host: {kubernetesVersion: 1.34.1, destination: {}}\n", "{}", RuleHosts, "fleet.yaml:5", "either a server or a name"},
		"server and name":       {"  host: {kubernetesVersion: 1.34.1, destination: {server: \"https://x\", name: x}}\n", "{}", RuleHosts, "fleet.yaml:5", "either a server or a name"},
		"plain HTTP":            {"  host: {kubernetesVersion: 1.34.1, destination: {server: \"http://x\"}}\n", "{}", RuleServer, "fleet.yaml:5", "https://"},
		"a password":            {"  host: {kubernetesVersion: 1.34.1, destination: {server: \"https://a:hunter2@x\"}}\n", "{}", RuleCredentials, "fleet.yaml:5", "credentials"},
		"said twice":            {"  argocd: {destination: \"https://x\"}\n  host: {kubernetesVersion: 1.34.1, destination: {name: x}}\n", "{}", RuleHosts, "fleet.yaml:5", "Keep host.destination"},
		"a destination of none": {"  argocd: {destination: \"https://x\"}\n" + two, "{host: eu-1}", RuleHosts, "fleet.yaml:5", "is of the single host"},
		"a range":               {"  hosts: {a: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0}}\n", "{host: a}", RuleCIDR, "fleet.yaml:5", "not a service range"},
		"a path":                {"  hosts: {a: {kubernetesVersion: 1.34.1, sealing: {certificate: ../a.crt}}}\n", "{host: a}", RulePath, "fleet.yaml:5", "clusters folder"},
		"an age":                {"  argocd: {sealing: {certificate: a.crt, maxAge: soon}}\n  host: {kubernetesVersion: 1.34.1}\n", "{}", RuleDuration, "fleet.yaml:5", "not a duration"},
		"a field":               {"  hosts: {a: {kubernetesversion: 1.34.1}}\n", "{host: a}", RuleUnknownField, "fleet.yaml:5", `Did you mean "kubernetesVersion"?`},
		"a field too high":      {"  hosts: {a: {kubernetesVersion: 1.34.1, server: \"https://x\"}}\n", "{host: a}", RuleUnknownField, "fleet.yaml:5", "It belongs below spec.hosts.a.destination"},
		"no version":            {"  hosts: {a: {}}\n", "{host: a}", RuleMissingField, "fleet.yaml:5", "kubernetesVersion is missing"},
		"nothing":               {"  hosts: {a: }\n", "{host: a}", RuleEmptyValue, "fleet.yaml:5", "is empty"},
		"no certificate":        {"  host: {kubernetesVersion: 1.34.1}\n  sealing: {maxAge: 3d}\n", "{}", RuleMissingField, "fleet.yaml:6", "sealing.certificate is missing"},
		"the host's server":     {two, "{host: eu-1, server: \"https://us-1.example.com:443\"}", RuleDuplicateServer, "a/spec.yaml:5", "host us-1 itself"},
	} {
		t.Run(name, func(t *testing.T) {
			_, found := load(t, repo(t, map[string]string{"fleet.yaml": hostsOf(tt.fleet), "a/spec.yaml": specOf("a", tt.spec)}))
			if !slices.ContainsFunc(found, func(f finding.Finding) bool {
				return f.Rule == tt.rule && strings.HasPrefix(f.Position(), "clusters/"+tt.file) && strings.Contains(f.Message+" "+f.Hint, tt.text)
			}) {
				t.Errorf("no %s with %q: %v", tt.rule, tt.text, found)
			}
			if strings.Contains(string(text(found)), "hunter2") {
				t.Error("a password is shown")
			}
		})
	}
}

// A destination by an IPv6 address is none of Argo CD's patterns.
func TestADestinationByIPv6(t *testing.T) {
	sound(t, map[string]string{"fleet.yaml": hostsOf("  host: {kubernetesVersion: 1.34.1, destination: {server: \"https://[fd00::1]:6443\"}}\n"), "a/spec.yaml": specOf("a", "{}")})
}

// Clusters meet where they are on one host, and in Argo CD.
func TestClustersOnHosts(t *testing.T) {
	rules := func(files map[string]string) map[finding.Rule]int {
		files["fleet.yaml"] = hostsOf(threeHosts)
		_, found := load(t, repo(t, files))
		counts := map[finding.Rule]int{}
		for _, f := range found {
			counts[f.Rule]++
		}
		return counts
	}
	apart := rules(map[string]string{
		"a/spec.yaml": specOf("a", "{namespace: team}"), "b/spec.yaml": specOf("b", "{namespace: team, host: eu-1}"),
		"config-b/spec.yaml": specOf("config-b", "{namespace: team, host: us-1}"),
	})
	if len(apart) > 0 {
		t.Errorf("on three hosts: %v", apart)
	}
	together := rules(map[string]string{
		"a/spec.yaml": specOf("a", "{namespace: team, host: eu-1}"), "b/spec.yaml": specOf("b", "{namespace: team, host: eu-1}"),
	})
	if together[RuleDuplicateNamespace] != 2 {
		t.Errorf("on one host: %v", together)
	}
	servers := rules(map[string]string{
		"a/spec.yaml": specOf("a", "{server: \"https://x.example.com\"}"), "b/spec.yaml": specOf("b", "{server: \"https://x.example.com\", host: eu-1}"),
	})
	if servers[RuleDuplicateServer] != 1 {
		t.Errorf("one server on two hosts: %v", servers)
	}
	if named := rules(map[string]string{"bare/spec.yaml": specOf("bare", "{}")}); named[RuleDuplicateName] != 1 {
		t.Errorf("a cluster with the name of a host: %v", named)
	}
}

// A change of one host's facts changes the inputs of its clusters alone.
func TestDigestOfAHost(t *testing.T) {
	digests := func(shared string) []string {
		f := sound(t, map[string]string{"fleet.yaml": hostsOf(shared), "a/spec.yaml": specOf("a", "{}"), "b/spec.yaml": specOf("b", "{host: eu-1}")})
		var all []string
		for _, c := range f.Clusters {
			d, err := c.Digest()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, d)
		}
		return all
	}
	before := digests(threeHosts)
	for _, change := range []struct{ from, to string }{
		{`"1.30"`, `"1.31"`}, {"10.97.0.0/16", "10.98.0.0/16"}, {"{name: eu-1}", "{name: eu-2}"}, {"{name: eu-1}", "{server: \"https://eu-1\"}"},
	} {
		after := digests(strings.Replace(threeHosts, change.from, change.to, 1))
		if after[0] != before[0] || after[1] == before[1] {
			t.Errorf("%s to %s: %q, before %q", change.from, change.to, after, before)
		}
	}
}

// A destination is a host in any spelling that is known to be its own, and in no other.
func TestADestinationIsAHost(t *testing.T) {
	spec := FleetSpec{Hosts: map[string]Host{
		"own":  {},
		"eu-1": {Destination: &Destination{Name: "eu-1"}, SameAs: []string{"https://10.0.3.7:443", "frankfurt"}},
		"us-1": {Destination: &Destination{Server: "https://us-1.example.com"}},
	}}
	for host, destinations := range map[string]map[string]bool{
		"own":  {"https://kubernetes.default.svc": true, "in-cluster": true, "https://kubernetes.default.svc.cluster.local": false, "": false},
		"eu-1": {"eu-1": true, "https://10.0.3.7/": true, "frankfurt": true, "https://10.0.3.8": false, "in-cluster": false, "EU-1": false},
		"us-1": {"https://US-1.example.com:443/": true, "us-1": false, "https://us-1.example.com:6443": false},
	} {
		for destination, want := range destinations {
			if got := spec.IsHost(host, destination); got != want {
				t.Errorf("%q is %s: %t", destination, host, got)
			}
		}
	}
}
