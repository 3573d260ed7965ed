package live

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	data, err := yaml.YAMLToJSON([]byte(text))
	if err == nil {
		err = o.UnmarshalJSON(data)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

const aRoute = `apiVersion: gateway.networking.k8s.io/v1
kind: TLSRoute
metadata: {name: dev, namespace: dev, generation: 2}
spec:
  hostnames: [dev.example.com]
  parentRefs: [{name: public, namespace: infra, sectionName: tls}]
status:
  parents:
  - parentRef: {group: gateway.networking.k8s.io, kind: Gateway, name: public, namespace: infra, sectionName: tls}
    controllerName: example.com/gateway
    conditions:
    - {type: Accepted, status: "True", observedGeneration: 2}
    - {type: ResolvedRefs, status: "True", observedGeneration: 2}
`

const aGateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: infra, generation: 1}
spec:
  listeners: [{name: tls, protocol: TLS, port: 443, tls: {mode: Passthrough}}]
status:
  addresses: [{value: 203.0.113.9}]
  conditions: [{type: Programmed, status: "True", observedGeneration: 1}]
  listeners: [{name: tls, conditions: [{type: Programmed, status: "True"}]}]
`

// Each way in which a route does not serve is told, and a good one is left alone.
func TestRoutes(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"good":         {"", "", ""},
		"not accepted": {`{type: Accepted, status: "True", observedGeneration: 2}`, `{type: Accepted, status: "False", reason: NoMatchingListenerHostname, message: "no\nlistener"}`, "Accepted: NoMatchingListenerHostname no listener"},
		"old status":   {`{type: Accepted, status: "True", observedGeneration: 2}`, `{type: Accepted, status: "True", observedGeneration: 1}`, "Accepted for its newest generation"},
		"no service":   {`{type: ResolvedRefs, status: "True", observedGeneration: 2}`, `{type: ResolvedRefs, status: "False", reason: BackendNotFound}`, "ResolvedRefs: BackendNotFound"},
		"no status":    {"status:\n  parents:", "status:\n  others:", "no controller has answered for Gateway infra/public"},
		"not ours":     {"namespace: infra, sectionName: tls}\n    controllerName", "namespace: else, sectionName: tls}\n    controllerName", "no controller has answered"},
		"no listener":  {"sectionName: tls", "sectionName: other", "has no listener other"},
		"no parent":    {"parentRefs:", "others:", "it names no Gateway"},
		"terminated":   {"mode: Passthrough", "mode: Terminate", "ends TLS itself"},
		"https":        {"protocol: TLS", "protocol: HTTPS", "ends TLS itself"},
		"programmed":   {`{type: Programmed, status: "True", observedGeneration: 1}`, `{type: Programmed, status: "False", reason: AddressNotAssigned}`, "Gateway infra/public has not set Programmed: AddressNotAssigned"},
		"listener":     {`[{type: Programmed, status: "True"}]`, `[{type: Programmed, status: "False"}]`, "the listener tls of Gateway infra/public has not set Programmed"},
	} {
		t.Run(name, func(t *testing.T) {
			edit := func(text string) *unstructured.Unstructured {
				return object(t, strings.ReplaceAll(text, test.old, test.new))
			}
			if test.old == "" {
				edit = func(text string) *unstructured.Unstructured { return object(t, text) }
			}
			e := EndpointOf(edit(aRoute), []*unstructured.Unstructured{edit(aGateway)})
			got := strings.Join(e.Problems, "; ")
			if !strings.Contains(got, test.want) || (test.want == "") != (got == "") {
				t.Errorf("problems %q, want %q", got, test.want)
			}
			if test.want == "" && strings.Join(e.Published, " ") != "203.0.113.9" {
				t.Errorf("published %v", e.Published)
			}
		})
	}
	if e := EndpointOf(object(t, aRoute), []*unstructured.Unstructured{nil}); len(e.Problems) != 1 || e.Problems[0] != "the host has no Gateway infra/public" {
		t.Errorf("%+v", e)
	}
}

func TestIngressesAndServices(t *testing.T) {
	ingress := "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: dev, namespace: dev}\nspec: {ingressClassName: nginx, rules: [{host: dev.example.com}]}\n"
	balanced := "status: {loadBalancer: {ingress: [{ip: 203.0.113.9}, {hostname: lb.example.com}]}}\n"
	class := object(t, "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: nginx}\n")
	service := "apiVersion: v1\nkind: Service\nmetadata: {name: dev, namespace: dev}\nspec: {type: LoadBalancer}\n"
	for name, test := range map[string]struct {
		text     string
		beside   []*unstructured.Unstructured
		problems int
	}{
		"good ingress":   {ingress + balanced, []*unstructured.Unstructured{class}, 0},
		"no class":       {ingress + balanced, []*unstructured.Unstructured{nil}, 1},
		"no address":     {ingress, []*unstructured.Unstructured{class}, 1},
		"good service":   {service + balanced, nil, 0},
		"no balancer":    {service, nil, 1},
		"node port":      {strings.Replace(service, "LoadBalancer", "NodePort", 1), nil, 0},
		"garbled status": {service + "status: {loadBalancer: {ingress: [1, {ip: 2}]}}\n", nil, 1},
	} {
		if e := EndpointOf(object(t, test.text), test.beside); len(e.Problems) != test.problems {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
