// Package exposure finds by which objects a virtual cluster's API server is reached from
// outside of its host. Objects it reads; it asks nobody.
package exposure

import (
	"reflect"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kasou/pipelines/manifest"
)

// The kinds of ways in.
const (
	Ingress      = "Ingress"
	TLSRoute     = "TLSRoute"
	LoadBalancer = "LoadBalancer"
	NodePort     = "NodePort"
)

// GatewayGroup is the API group of Gateway API.
const GatewayGroup = "gateway.networking.k8s.io"

// HostnameAnnotation is where ExternalDNS looks for a Service's names, with commas
// between them (kubernetes-sigs/external-dns, docs/annotations).
const HostnameAnnotation = "external-dns.alpha.kubernetes.io/hostname"

var (
	serviceKind = schema.GroupKind{Kind: "Service"}
	ingressKind = schema.GroupKind{Group: "networking.k8s.io", Kind: Ingress}
	routeKind   = schema.GroupKind{Group: GatewayGroup, Kind: TLSRoute}
)

// MayLead reports whether an object is of a kind by which clients can reach a virtual
// cluster.
func MayLead(object map[string]any) bool {
	kind := kindOf(object)
	return kind == serviceKind || kind == ingressKind || kind == routeKind
}

// Annotated returns the names that an object's HostnameAnnotation has.
func Annotated(object map[string]any) []string {
	return strings.FieldsFunc(manifest.Text(object, "metadata", "annotations", HostnameAnnotation), func(r rune) bool { return r == ',' || r == ' ' })
}

// Way is an object by which clients reach the API server.
type Way struct {
	// Kind is one of the kinds above.
	Kind string
	// Index of the object in the list that was looked at.
	Index int
	// Hosts are the names that it routes. None stands for any: of a Service without the
	// annotation, of an Ingress with a default backend or a rule without a host.
	Hosts []string
}

// Of returns those of a cluster's objects that lead to its API server: the Services of
// type LoadBalancer and NodePort that have the pods of the chart's Service, which is
// named like the release, and the Ingresses and TLSRoutes to such a Service.
func Of[O ~map[string]any](objects []O, release string) []Way {
	backends := apiServices(objects, release)
	var all []Way
	for i, o := range objects {
		w, leads := Way{Index: i}, false
		switch kindOf(o) {
		case serviceKind:
			w.Kind = manifest.Text(o, "spec", "type")
			w.Hosts = Annotated(o)
			leads = backends[manifest.Text(o, "metadata", "name")] && (w.Kind == LoadBalancer || w.Kind == NodePort)
		case ingressKind:
			w.Kind = Ingress
			w.Hosts, leads = ingressHosts(o, backends)
		case routeKind:
			w.Kind = TLSRoute
			w.Hosts, leads = routeHosts(o, backends)
		}
		if leads {
			all = append(all, w)
		}
	}
	return all
}

// Serves reports whether clients reach a host name by it: a wildcard stands for one
// label, and what has no names may have any.
func (w Way) Serves(hostname string) bool {
	if len(w.Hosts) == 0 {
		return true
	}
	return slices.ContainsFunc(w.Hosts, func(pattern string) bool {
		pattern, name := strings.ToLower(pattern), strings.ToLower(hostname)
		if above, ok := strings.CutPrefix(pattern, "*."); ok {
			_, rest, _ := strings.Cut(name, ".")
			return rest == above
		}
		return pattern == name
	})
}

// Serving returns the ways by which clients reach a host name or an address: those that
// name it, where there is none those without a name, and else the other Services,
// which answer under any name that leads to them.
func Serving(ways []Way, hostname string) []Way {
	var named, unnamed, other []Way
	for _, w := range ways {
		switch {
		case len(w.Hosts) == 0:
			unnamed = append(unnamed, w)
		case w.Serves(hostname):
			named = append(named, w)
		case w.Kind == LoadBalancer || w.Kind == NodePort:
			other = append(other, w)
		}
	}
	for _, found := range [][]Way{named, unnamed} {
		if len(found) > 0 {
			return found
		}
	}
	return other
}

// apiServices returns the names of the Services before the API server: the chart's, and
// those that select the same pods. Without a selector (the chart's value headless) it is
// the chart's alone.
func apiServices[O ~map[string]any](objects []O, release string) map[string]bool {
	names := map[string]bool{release: true}
	var selector any
	for _, o := range objects {
		if kindOf(o) == serviceKind && manifest.Text(o, "metadata", "name") == release {
			selector = manifest.At(o, "spec", "selector")
		}
	}
	for _, o := range objects {
		if selector != nil && kindOf(o) == serviceKind && reflect.DeepEqual(manifest.At(o, "spec", "selector"), selector) {
			names[manifest.Text(o, "metadata", "name")] = true
		}
	}
	return names
}

// ingressHosts returns the names by which an Ingress leads to one of the backends, none for
// any, and whether it does. Its default backend has what no rule matches, and a rule
// without a host has every name (networking.k8s.io/v1, IngressSpec).
func ingressHosts(o map[string]any, backends map[string]bool) (hosts []string, leads bool) {
	every := backends[manifest.Text(o, "spec", "defaultBackend", "service", "name")]
	for _, rule := range manifest.Maps(o, "spec", "rules") {
		to := slices.ContainsFunc(manifest.Maps(rule, "http", "paths"), func(p map[string]any) bool {
			return backends[manifest.Text(p, "backend", "service", "name")]
		})
		host := manifest.Text(rule, "host")
		every = every || to && host == ""
		if to && host != "" {
			hosts = append(hosts, host)
		}
	}
	if every {
		return nil, true
	}
	return hosts, len(hosts) > 0
}

// routeHosts returns the names of a route to one of the backends, and whether it is one.
// Without names it has all of its listener (gateway.networking.k8s.io/v1alpha2; v1 wants
// them).
func routeHosts(o map[string]any, backends map[string]bool) (hosts []string, leads bool) {
	leads = slices.ContainsFunc(manifest.Maps(o, "spec", "rules"), func(rule map[string]any) bool {
		return slices.ContainsFunc(manifest.Maps(rule, "backendRefs"), func(ref map[string]any) bool { return backends[manifest.Text(ref, "name")] })
	})
	if !leads {
		return nil, false
	}
	hosts, _, err := unstructured.NestedStringSlice(o, "spec", "hostnames")
	return hosts, err == nil
}

func kindOf(o map[string]any) schema.GroupKind {
	return schema.FromAPIVersionAndKind(manifest.Text(o, "apiVersion"), manifest.Text(o, "kind")).GroupKind()
}
