package fleet

import (
	"strings"
	"testing"
)

func TestNormalizeServer(t *testing.T) {
	for _, tt := range []struct{ server, want string }{
		{"https://dev.example.com", "https://dev.example.com"},
		{"HTTPS://Dev.Example.COM:443/", "https://dev.example.com"},
		{"https://dev.example.com.", "https://dev.example.com"},
		{"https://dev.example.com:0443", "https://dev.example.com"},
		{"https://dev.example.com:6443//", "https://dev.example.com:6443"},
		{"https://rancher.example.com/k8s/clusters/c-1/", "https://rancher.example.com/k8s/clusters/c-1"},
		{"https://[2001:DB8:0:0::1]:443", "https://[2001:db8::1]"},
		{"https://[::ffff:10.0.0.1]", "https://10.0.0.1"},
		{"https://10.0.0.1:8443", "https://10.0.0.1:8443"},
	} {
		got, err := NormalizeServer(tt.server)
		if err != nil || got != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.server, got, err, tt.want)
		}
		if again, err := NormalizeServer(got); err != nil || again != got {
			t.Errorf("%s: a second time %s, %v", tt.server, again, err)
		}
	}
}

func TestNormalizeServerRefuses(t *testing.T) {
	for _, tt := range []struct{ server, part string }{
		{"dev.example.com", "plain HTTP"}, {"dev.example.com:443", "plain HTTP"}, {"", "plain HTTP"},
		{"http://dev.example.com", "http://"}, {"https://", "host"}, {"https://:443", "host"},
		{"https://me:hunter2@dev.example.com", "credentials"}, {"https://me@dev.example.com", "credentials"},
		{"https://dev.example.com?a=b", "query"}, {"https://dev.example.com?", "query"}, {"https://dev.example.com#", "fragment"},
		{"https://localhost:8443", "itself"}, {"https://LOCALHOST.", "itself"}, {"https://api.localhost", "itself"},
		{"https://127.0.0.1", "itself"}, {"https://127.9.9.9", "itself"}, {"https://[::1]", "itself"}, {"https://0.0.0.0", "itself"},
		{"https://[::]", "itself"}, {"https://[::ffff:127.0.0.1]", "itself"}, {"https://127.1", "host"}, {"https://0x7f000001", "host"},
		{"https://169.254.169.254", "link-local"}, {"https://[fe80::1]", "link-local"}, {"https://[::ffff:169.254.169.254]", "link-local"},
		{"https://2852039166", "host"}, {"https://0xa9fea9fe", "host"}, {"https://[fe80::1%25eth0]", "zone"}, {"https://a.example.com:0", "port"}, {"https://a.example.com:70000", "port"},
		{"https://a_b.example.com", "host"}, {"https://*.example.com", "host"}, {"https://a b", "URL"},
	} {
		got, err := NormalizeServer(tt.server)
		switch {
		case err == nil:
			t.Errorf("%s: %s, no error", tt.server, got)
		case !strings.Contains(err.Error(), tt.part) || strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%s: %v", tt.server, err)
		}
	}
}

// The host's own API server has many names.
func TestIsHost(t *testing.T) {
	h := serversOf(FleetSpec{Host: Host{ServiceCIDR: "10.96.0.0/16,fd00:10:96::/112"}}, "")
	for server, want := range map[string]bool{
		"https://kubernetes": true, "https://kubernetes.default": true, "https://kubernetes.default.svc": true,
		"https://kubernetes.default.svc.cluster.local": true, "https://Kubernetes.Default.SVC.": true, "https://kubernetes.default.svc.corp.example.com:6443": true,
		"https://10.96.0.1": true, "https://10.96.0.1:6443": true, "https://[fd00:10:96::1]": true, "https://[::ffff:10.96.0.1]": true,
		"https://10.96.0.2": false, "https://kubernetes.example.com": false, "https://kubernetes.default.example.com": false, "https://dev.example.com": false,
	} {
		normal, err := NormalizeServer(server)
		if err != nil {
			t.Fatal(server, err)
		}
		if got := h.has(normal); got != want {
			t.Errorf("%s: %t", server, got)
		}
	}
}

func TestCheckCIDR(t *testing.T) {
	for _, tt := range []struct{ value, want string }{
		{"10.96.0.0/12", ""}, {"10.96.0.0/16", ""}, {"10.96.0.0/29", ""}, {"auto", ""}, {"fd00:10:96::/112", ""}, {"fd00:10:96::/108", ""},
		{"10.96.0.0/16,fd00:10:96::/112", ""}, {"fd00:10:96::/112,10.96.0.0/16", ""},
		{"10.96.0.0", "not a service range"}, {"10.96.0.0/33", "not a service range"}, {"::ffff:10.0.0.0/112", "not a service range"}, {"Auto", "not a service range"},
		{"10.96.0.0/16,", "not a service range"}, {"10.96.0.0/16, fd00::/112", "spaces"}, {"10.96.0.1/16", "bits set"},
		{"10.96.0.0/16,10.97.0.0/16", "one IP family"}, {"10.96.0.0/16,fd00::/112,fd01::/112", "more than two"},
		{"10.0.0.0/11", "larger"}, {"fd00::/64", "larger"}, {"10.96.0.0/30", "smaller"},
	} {
		got := ""
		if p := checkCIDR(tt.value); p != nil {
			got = p.message
		}
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.value, got, tt.want)
		}
	}
}

func TestCheckGitURL(t *testing.T) {
	for _, tt := range []struct{ url, want string }{
		{"https://github.com/acme/platform.git", ""}, {"git@github.com:acme/platform.git", ""}, {"ssh://git@github.com:22/acme/platform.git", ""},
		{"https://acme@dev.azure.com/acme/_git/platform", ""}, {"http://gitea.local/a.git", ""},
		{"https://me:hunter2@github.com/a.git", "credentials"}, {"https://ghp_hunter2@github.com/a.git", "credentials"}, {"ssh://git:hunter2@h/a", "credentials"},
		{"/srv/git/a.git", "not the URL"}, {"file:///srv/a.git", "not the URL"}, {"ftp://h/a.git", "begins with"}, {"a b", "not the URL"},
		{"https://github.com/acme/*", "a pattern"}, {"git@github.com:acme/{a,b}.git", "a pattern"}, {"https://[fd00::1]/a.git", "a pattern"},
	} {
		got := ""
		if p := checkGitURL(tt.url); p != nil {
			got = p.message
		}
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s: %q, want %q", tt.url, got, tt.want)
		}
	}
}

func TestCheckIngressHost(t *testing.T) {
	for _, tt := range []struct{ host, want string }{
		{"dev.k8s.example.com", ""}, {"https://a.example.com", "is a URL"}, {"a.example.com:443", "has a port"}, {"*.example.com", "wildcard"},
		{"A.example.com", "not a DNS name"}, {"a.example.com.", "dot"}, {"10.0.0.1", "IP address"}, {"[::1]", "IP address"}, {"localhost", "itself"},
		{"a_b.example.com", "not a DNS name"}, {"a.1", "no valid host"}, {strings.Repeat("a", 64) + ".example.com", ""},
	} {
		got := ""
		if p := checkDNSName(RuleIngressHost, "an Ingress", tt.host); p != nil {
			got = p.message
		}
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", tt.host, got, tt.want)
		}
	}
}
