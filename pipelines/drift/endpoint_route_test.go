package drift

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/pipelines/finding"
	"kasou/pipelines/host"
	"kasou/pipelines/live"
	"kasou/pipelines/manifest"
	"kasou/pipelines/workspace"
)

// asking opens a host that answers with JSON by path, and with 404 to the rest.
func asking(t *testing.T, answers map[string]string) *host.Host {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"kind": "Status", "apiVersion": "v1", "code": 404, "reason": "NotFound"}`
		}
		_, _ = fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, fmt.Appendf(nil, `{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}],
  clusters: [{name: a, cluster: {server: %q}}], users: [{name: a, user: {token: a}}]}`, server.URL), 0o600))
	h, err := host.Open(host.Options{Kubeconfig: file, Retries: -1})
	must(t, err)
	return h
}

const kindsOfGateways = `{"kind": "APIResourceList", "groupVersion": "gateway.networking.k8s.io/v1", "resources": [
  {"name": "tlsroutes", "kind": "TLSRoute", "namespaced": true}, {"name": "gateways", "kind": "Gateway", "namespaced": true}]}`

// A route that the host has is read with its Gateway; one that it has not is not looked
// behind: drift-live-missing says so.
func TestRoutesOnTheHost(t *testing.T) {
	const group, route = "/apis/gateway.networking.k8s.io/v1", "/apis/gateway.networking.k8s.io/v1/namespaces/dev/tlsroutes/dev"
	inGit := manifest.Files{"clusters/dev/manifests/route.yaml": []byte(`apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: dev}
spec: {hostnames: [dev.example.com], parentRefs: [{name: public, namespace: infra}], rules: [{backendRefs: [{name: dev}]}]}
`)}
	onHost := `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "TLSRoute", "metadata": {"name": "dev", "namespace": "dev"},
  "spec": {"hostnames": ["dev.example.com"], "parentRefs": [{"name": "public", "namespace": "infra"}]}}`
	for name, test := range map[string]struct {
		answers map[string]string
		want    string
		there   bool
	}{
		"no gateway": {map[string]string{group: kindsOfGateways, route: onHost}, "TLSRoute dev/dev does not lead to the cluster: the host has no Gateway infra/public", true},
		"not there":  {map[string]string{group: kindsOfGateways}, "", false},
		"no kind":    {nil, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			e := endpointAt(t, "https://dev.example.com", nil)
			e.Workspace = &workspace.Workspace{}
			e.asked, e.cluster.Name, e.cluster.Spec.Namespace = asking(t, test.answers), "dev", "dev"
			e.shared = &sharedObjects{}
			if have, err := e.asked.Object(t.Context(), wantOf(t, inGit)); err == nil && have != nil {
				e.leading = map[objectKey]*unstructured.Unstructured{keyOf(live.Object{Unstructured: have}): have}
			}
			rows, there := e.routeRows(t.Context(), inGit)
			if there != test.there {
				t.Errorf("there %t", there)
			}
			expect(t, rows, RuleEndpointRoute, test.want)
		})
	}
}

// wantOf is the one object of the files, in its namespace.
func wantOf(t *testing.T, files manifest.Files) *unstructured.Unstructured {
	t.Helper()
	objects, err := live.Objects(files)
	must(t, err)
	objects[0].SetNamespace("dev")
	return objects[0].Unstructured
}

// The name of a node port is held against the addresses of the nodes.
func TestNodesBehindAName(t *testing.T) {
	const path = "/api/v1/nodes"
	nodes := func(addresses string) map[string]string {
		return map[string]string{path: `{"apiVersion": "v1", "kind": "NodeList", "items": [{"metadata": {"name": "a"}, "status": {"addresses": [
  {"type": "Hostname", "address": "a"}, ` + addresses + `]}}]}`}
	}
	inner, outer := `{"type": "InternalIP", "address": "10.0.0.1"}`, `{"type": "ExternalIP", "address": "203.0.113.1"}, {"type": "ExternalIP", "address": "2001:db8::1"}`
	addresses := func(texts ...string) []netip.Addr {
		all := make([]netip.Addr, len(texts))
		for i, text := range texts {
			all[i] = netip.MustParseAddr(text)
		}
		return all
	}
	for name, test := range map[string]struct {
		nodes  map[string]string
		found  []netip.Addr
		proved bool
		rule   finding.Rule
		want   string
	}{
		"a node":                 {nodes(inner + ", " + outer), addresses("203.0.113.1"), false, "", ""},
		"both families":          {nodes(inner + ", " + outer), addresses("203.0.113.1", "2001:db8::1"), false, "", ""},
		"an old node among them": {nodes(outer), addresses("203.0.113.1", "203.0.113.9"), true, RuleEndpointName, "of which 203.0.113.9 is no address of a node"},
		"none of them":           {nodes(outer), addresses("203.0.113.9"), false, RuleEndpointName, "and the nodes have 203.0.113.1, 2001:db8::1"},
		"a balancer before them": {nodes(outer), addresses("203.0.113.9"), true, "", ""},
		"behind a translation":   {nodes(inner), addresses("203.0.113.9"), false, RuleUnknown, "one is private and the other is not"},
		"no addresses":           {nodes(`{"type": "InternalDNS", "address": "a"}`), addresses("203.0.113.9"), true, RuleUnknown, "names no addresses"},
		"no right":               {map[string]string{}, addresses("203.0.113.9"), true, RuleUnknown, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := endpointAt(t, "https://dev.example.com:30443", nil)
			e.asked, e.shared, e.proved, e.host = asking(t, test.nodes), &sharedObjects{}, test.proved, &workspace.Asked{Title: "the host"}
			e.Workspace = &workspace.Workspace{Hosts: workspace.Hosts{}}
			rows := e.nodeRows(t.Context(), test.found)
			if name == "no right" {
				if len(rows) != 1 || !rows[0].Unknown {
					t.Errorf("got %+v", rows)
				}
				return
			}
			expect(t, rows, test.rule, test.want)
		})
	}
}

// An address cannot lead elsewhere as a name can, but that of a node port has to be of a node.
func TestAnAddressOfANodePort(t *testing.T) {
	e := endpointAt(t, "https://203.0.113.9:30443", nil)
	e.asked, e.shared = asking(t, map[string]string{"/api/v1/nodes": `{"items": [{"status": {"addresses": [{"type": "ExternalIP", "address": "203.0.113.1"}]}}]}`}), &sharedObjects{}
	expect(t, e.nameRows(t.Context()), "", "")
	e.nodePort = true
	expect(t, e.nameRows(t.Context()), RuleEndpointName, "203.0.113.9 leads to 203.0.113.9, and the nodes have 203.0.113.1")
}
