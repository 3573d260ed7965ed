package host

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/yaml"
)

// grant is a rule of docs/rbac.md, and where it holds.
type grant struct {
	rbacv1.PolicyRule
	namespace string
}

var fenced = regexp.MustCompile("(?s)```yaml\n(.*?)```")

func documented(t *testing.T) []grant {
	t.Helper()
	text, err := os.ReadFile("../../docs/rbac.md")
	if err != nil {
		t.Fatal(err)
	}
	// A real API server holds the rest to what --live needs: e2e.
	text, _, _ = bytes.Cut(text, []byte("## The objects: `kasou drift --live`"))
	var grants []grant
	for _, block := range fenced.FindAllSubmatch(text, -1) {
		var role rbacv1.Role // a ClusterRole has the same fields
		if err := yaml.UnmarshalStrict(block[1], &role); err != nil {
			t.Fatalf("%v in\n%s", err, block[1])
		}
		for _, rule := range role.Rules {
			grants = append(grants, grant{rule, role.Namespace})
		}
	}
	return grants
}

// permissionOf reads a request as the API server's authorizer does.
func permissionOf(r *http.Request) Permission {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	var p Permission
	if parts[0] == "apis" {
		p.Group, parts = parts[1], parts[1:]
	}
	parts = parts[2:]
	if parts[0] == "namespaces" {
		p.Namespace = parts[1]
		if len(parts) > 2 {
			parts = parts[2:]
		}
	}
	p.Resource = parts[0]
	if len(parts) > 1 {
		p.Names = parts[1:2]
	}
	if len(parts) > 2 {
		p.Resource += "/" + parts[2]
	}
	switch {
	case r.Method == http.MethodPost:
		p.Verb = "create"
	case len(p.Names) == 0:
		p.Verb = "list"
	default:
		p.Verb = "get"
	}
	return p
}

func (g grant) allows(p Permission) bool {
	named := len(g.ResourceNames) == 0 || len(p.Names) > 0 && slices.Contains(g.ResourceNames, p.Names[0])
	return slices.Contains(g.Verbs, p.Verb) && slices.Contains(g.APIGroups, p.Group) && slices.Contains(g.Resources, p.Resource) &&
		named && (g.namespace == "" || g.namespace == p.Namespace)
}

// hostOf serves what a host has, to whoever the grants let in.
func hostOf(t *testing.T, grants []grant, used map[int]bool) *Host {
	answers := map[string]http.HandlerFunc{}
	guard := func(key string, next http.HandlerFunc) {
		answers[key] = func(w http.ResponseWriter, r *http.Request) {
			p := permissionOf(r)
			i := slices.IndexFunc(grants, func(g grant) bool { return g.allows(p) })
			if i < 0 {
				forbidden(p.String())(w, r)
				return
			}
			used[i] = true
			next(w, r)
		}
	}
	pod := "/api/v1/namespaces/development/pods/development-0/exec"
	guard(listV1, notFound)
	guard(listBeta, notFound)
	guard(create, refusals(t, "not in the valid range. The range of valid IPs is 10.96.0.0/12", "IPv6 is not configured on this cluster", corev1.IPv4Protocol))
	guard("GET /api/v1/namespaces/development/secrets/vc-development", notFound)
	guard("GET /api/v1/namespaces/development", notFound)
	guard("GET "+pod, notFound)
	guard("POST "+pod, podSays(t, "", 1))
	guard(proxied("http:sealed-secrets-controller:"), refuse(http.StatusServiceUnavailable, "ServiceUnavailable", "no endpoints available"))
	guard(proxied("http:sealed-secrets-controller:http"), text(http.StatusOK, certificate))
	return opened(t, serve(t, answers), Options{})
}

// everything does all that kasou does on a host, and gives the cluster's state
// and what was forbidden.
func everything(t *testing.T, h *Host) (State, []error) {
	_, first := ServiceCIDRs(background(t), h)
	kubeconfig, second := ReadKubeconfig(background(t), h, KubeconfigRequest{Namespace: "development", Name: "development", Exec: true})
	_, third := SealingCertificate(background(t), h, "")
	var forbidden []error
	for _, err := range []error{first, second, kubeconfig.Exec, third} {
		if kindOf(err) == "forbidden" {
			forbidden = append(forbidden, err)
		}
	}
	if len(forbidden) == 0 && (first != nil || second != nil || third != nil || kubeconfig.State == Ready) {
		t.Errorf("%s, errors %v, %v, %v", kubeconfig, first, second, third)
	}
	return kubeconfig.State, forbidden
}

func TestDocumentedRightsSuffice(t *testing.T) {
	grants, used := documented(t), map[int]bool{}
	if state, forbidden := everything(t, hostOf(t, grants, used)); len(forbidden) > 0 || state != NoNamespace {
		t.Errorf("docs/rbac.md leaves out: %v; the cluster is %s", forbidden, state)
	}
	for i, g := range grants {
		if !used[i] {
			t.Errorf("docs/rbac.md has a rule that nothing uses: %+v", g)
		}
	}
}

// Each right taken away is the one that the message says to add.
func TestMessagesNameTheDocumentedRules(t *testing.T) {
	optional := []string{"servicecidrs", "namespaces"} // kasou goes on without them
	grants := documented(t)
	for i, missing := range grants {
		t.Run(missing.Resources[0], func(t *testing.T) {
			rest := slices.Delete(slices.Clone(grants), i, i+1)
			_, forbidden := everything(t, hostOf(t, rest, map[int]bool{}))
			if slices.Contains(optional, missing.Resources[0]) {
				if len(forbidden) > 0 {
					t.Errorf("forbidden: %v", forbidden)
				}
				return
			}
			if len(forbidden) != 1 {
				t.Fatalf("forbidden: %v", forbidden)
			}
			checkRule(t, forbidden[0], missing)
		})
	}
}

func checkRule(t *testing.T, failed error, want grant) {
	t.Helper()
	err, ok := errors.AsType[*ForbiddenError](failed)
	if !ok {
		t.Fatalf("error %v", failed)
	}
	var rules []rbacv1.PolicyRule
	if yaml.UnmarshalStrict([]byte(err.Needs.Rule()), &rules) != nil || len(rules) != 1 {
		t.Fatalf("no rule:\n%s", err.Needs.Rule())
	}
	if rules[0].String() != want.String() || err.Needs.Namespace != want.namespace {
		t.Errorf("says to add\n%v in %q\nand the docs have\n%v in %q", rules[0], err.Needs.Namespace, want.PolicyRule, want.namespace)
	}
	if !strings.Contains(err.Error(), err.Needs.Rule()) || !strings.Contains(err.Error(), err.Needs.Kind()) {
		t.Errorf("the message leaves the rule out: %s", err)
	}
}

// On a host that has the ServiceCIDR API, that rule is the one.
func TestServiceCIDRRuleIsDocumented(t *testing.T) {
	h := opened(t, serve(t, map[string]http.HandlerFunc{listV1: forbidden("servicecidrs"), create: invalid("does not match the current range")}), Options{})
	_, err := ServiceCIDRs(background(t), h)
	checkRule(t, err, documented(t)[0])
}

func TestAPermissionHasItsPath(t *testing.T) {
	for want, p := range map[string]Permission{
		"/version":                                    {Verb: "get", URL: "/version"},
		"/api/v1/namespaces/dev":                      {Resource: "namespaces", Names: []string{"dev"}, Namespace: "dev"},
		"/api/v1/namespaces/dev/secrets/vc-dev":       getSecret("dev", "vc-dev"),
		"/api/v1/namespaces/dev/pods/dev-0/exec":      createExec("dev", "dev-0"),
		"/apis/networking.k8s.io/v1/servicecidrs":     {Resource: "servicecidrs", Group: "networking.k8s.io"},
		"/api/v1/namespaces/a%2Fb/secrets/%2E%2E":     getSecret("a/b", ".."),
		"/api/v1/namespaces/%2E/secrets/..a":          getSecret(".", "..a"),
		"/apis/apps/v1/namespaces/dev/deployments":    {Verb: "list", Resource: "deployments", Group: "apps", Namespace: "dev"},
		"/api/v1/namespaces/k/services/http:c:/proxy": proxyService("k", "http:c:", "http:c:http"),
	} {
		if got := p.path("v1"); got != want {
			t.Errorf("%s has the path %s, want %s", p, got, want)
		}
	}
}

// A name that no object can have asks for nothing else.
func TestANameOfDotsLeadsNowhere(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{
		"GET /api/v1/namespaces/dev": text(http.StatusOK, `{"kind":"Namespace","metadata":{"name":"dev"}}`),
	})
	secret, err := opened(t, s, Options{}).Secret(background(t), "dev", "..")
	if secret != nil || err != nil {
		t.Errorf("%v, %v", secret, err)
	}
	if asked := s.requests(); len(asked) != 1 || !strings.Contains(asked[0], "/secrets/") {
		t.Errorf("asked for %q", asked)
	}
}
