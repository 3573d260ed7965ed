package exposure_test

import (
	"fmt"
	"reflect"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/exposure"
)

const (
	service = "{apiVersion: v1, kind: Service, metadata: {name: dev}, spec: {type: ClusterIP, selector: {release: dev}}}"
	ingress = "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{host: DEV.example.com, http: {paths: [{backend: {service: {name: %s}}}]}}, {host: web.example.com}]}}"
	route   = "{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, spec: {hostnames: ['*.example.com'], rules: [{backendRefs: [{name: %s}]}]}}"
	second  = "{apiVersion: v1, kind: Service, metadata: {name: %s, annotations: {external-dns.alpha.kubernetes.io/hostname: 'a.example.com,b.example.com'}}, spec: {type: %s, selector: {release: %s}}}"
)

func TestOf(t *testing.T) {
	for name, test := range map[string]struct {
		objects []string
		want    []string
	}{
		"nothing":                    {nil, nil},
		"a ClusterIP":                {[]string{service}, nil},
		"an Ingress to the server":   {[]string{service, fmt.Sprintf(ingress, "dev")}, []string{"Ingress 1 [DEV.example.com]"}},
		"an Ingress before it":       {[]string{fmt.Sprintf(ingress, "dev"), service}, []string{"Ingress 0 [DEV.example.com]"}},
		"an Ingress to another":      {[]string{service, fmt.Sprintf(ingress, "web")}, nil},
		"a default backend":          {[]string{service, "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {defaultBackend: {service: {name: dev}}}}"}, []string{"Ingress 1 []"}},
		"another's default backend":  {[]string{service, "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {defaultBackend: {service: {name: web}}}}"}, nil},
		"one beside rules":           {[]string{service, "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {defaultBackend: {service: {name: dev}}, rules: [{host: web.example.com}]}}"}, []string{"Ingress 1 []"}},
		"a rule without a host":      {[]string{service, "{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [{http: {paths: [{backend: {service: {name: dev}}}]}}]}}"}, []string{"Ingress 1 []"}},
		"a route without names":      {[]string{service, "{apiVersion: gateway.networking.k8s.io/v1alpha2, kind: TLSRoute, spec: {rules: [{backendRefs: [{name: dev}]}]}}"}, []string{"TLSRoute 1 []"}},
		"names that are no list":     {[]string{service, "{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, spec: {hostnames: 1, rules: [{backendRefs: [{name: dev}]}]}}"}, nil},
		"a route to the server":      {[]string{fmt.Sprintf(route, "dev")}, []string{"TLSRoute 0 [*.example.com]"}},
		"a route to another":         {[]string{service, fmt.Sprintf(route, "web")}, nil},
		"a second Service":           {[]string{service, fmt.Sprintf(second, "dev-lb", "LoadBalancer", "dev")}, []string{"LoadBalancer 1 [a.example.com b.example.com]"}},
		"a route to the second":      {[]string{service, fmt.Sprintf(second, "more", "ClusterIP", "dev"), fmt.Sprintf(route, "more")}, []string{"TLSRoute 2 [*.example.com]"}},
		"a Service of other pods":    {[]string{service, fmt.Sprintf(second, "web", "NodePort", "web")}, nil},
		"Services without selectors": {[]string{"{apiVersion: v1, kind: Service, metadata: {name: dev}, spec: {type: NodePort}}", "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort}}"}, []string{"NodePort 0 []"}},
		"another group's kinds":      {[]string{"{apiVersion: example.com/v1, kind: Service, metadata: {name: dev}, spec: {type: NodePort}}"}, nil},
		"not as they should be":      {[]string{"{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {rules: [1, {host: 2}]}}", "{apiVersion: gateway.networking.k8s.io/v1, kind: TLSRoute, spec: {hostnames: 1, rules: a}}", "{}"}, nil},
	} {
		objects := make([]map[string]any, len(test.objects))
		for i, text := range test.objects {
			if err := yaml.Unmarshal([]byte(text), &objects[i]); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		for _, w := range exposure.Of(objects, "dev") {
			got = append(got, fmt.Sprint(w.Kind, " ", w.Index, " ", w.Hosts))
		}
		if !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestServing(t *testing.T) {
	exact, wild := exposure.Way{Kind: exposure.Ingress, Hosts: []string{"dev.Example.com"}}, exposure.Way{Kind: exposure.TLSRoute, Hosts: []string{"*.example.com"}}
	unnamed := exposure.Way{Kind: exposure.LoadBalancer}
	for host, want := range map[string][]exposure.Way{
		"dev.example.com": {exact, wild}, "DEV.example.com": {exact, wild}, "a.example.com": {wild},
		"a.b.example.com": {unnamed}, "example.com": {unnamed}, "192.0.2.1": {unnamed},
	} {
		if got := exposure.Serving([]exposure.Way{exact, wild, unnamed}, host); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", host, got, want)
		}
	}
	balancer := exposure.Way{Kind: exposure.LoadBalancer, Hosts: []string{"lb.example.org"}}
	for host, want := range map[string][]exposure.Way{"dev.example.com": {exact}, "lb.example.org": {balancer}, "192.0.2.1": {balancer}} {
		if got := exposure.Serving([]exposure.Way{exact, balancer}, host); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", host, got, want)
		}
	}
}
