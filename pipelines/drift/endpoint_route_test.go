package drift

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
