package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kasou/pipelines/exposure"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

// Endpoint is what the host says of an object that leads to a virtual cluster's API
// server.
type Endpoint struct {
	// Published are the IP addresses and host names in its status, or in that of its
	// Gateways: where the server's name should lead.
	Published []string
	// Problems say why it does not serve; none where its status says that it does.
	Problems []string
}

// Needs returns the objects beside the host's object that say whether it serves, each
// with its kind, namespace and name alone: the Gateways of a TLSRoute, the IngressClass of
// an Ingress.
func Needs(have *unstructured.Unstructured) []*unstructured.Unstructured {
	var all []*unstructured.Unstructured
	switch have.GetKind() {
	case "TLSRoute":
		for _, ref := range gatewayRefs(have) {
			all = append(all, reference(schema.GroupVersionKind{Group: exposure.GatewayGroup, Version: "v1", Kind: "Gateway"}, ref.namespace, ref.name))
		}
	case "Ingress":
		if class := manifest.Text(have.Object, "spec", "ingressClassName"); class != "" {
			all = append(all, reference(schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "IngressClass"}, "", class))
		}
	}
	return all
}

func reference(kind schema.GroupVersionKind, namespace, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(kind)
	o.SetNamespace(namespace)
	o.SetName(name)
	return o
}

// EndpointOf returns what the host says of its object. beside has the objects of Needs,
// in their order, with nil for one that the host does not have.
func EndpointOf(have *unstructured.Unstructured, beside []*unstructured.Unstructured) Endpoint {
	switch have.GetKind() {
	case "TLSRoute":
		return routeOf(have, beside)
	case "Ingress":
		return ingressOf(have, beside)
	}
	return serviceOf(have)
}

func ingressOf(have *unstructured.Unstructured, beside []*unstructured.Unstructured) Endpoint {
	e := Endpoint{Published: loadBalancer(have)}
	if len(beside) == 1 && beside[0] == nil {
		e.Problems = append(e.Problems, fmt.Sprintf("the host has no IngressClass %s, so no controller serves it", manifest.Text(have.Object, "spec", "ingressClassName")))
	}
	if len(e.Published) == 0 {
		e.Problems = append(e.Problems, "no controller has given it an address (status.loadBalancer)")
	}
	return e
}

func serviceOf(have *unstructured.Unstructured) Endpoint {
	e := Endpoint{Published: loadBalancer(have)}
	if manifest.Text(have.Object, "spec", "type") == "LoadBalancer" && len(e.Published) == 0 {
		e.Problems = append(e.Problems, "no load balancer has given it an address (status.loadBalancer)")
	}
	return e
}

// loadBalancer returns the addresses in status.loadBalancer, which an Ingress and a
// Service have alike.
func loadBalancer(have *unstructured.Unstructured) []string {
	var all []string
	for _, a := range manifest.Maps(have.Object, "status", "loadBalancer", "ingress") {
		if address := cmp.Or(manifest.Text(a, "ip"), manifest.Text(a, "hostname")); address != "" {
			all = append(all, address)
		}
	}
	return all
}

// gatewayRef is a Gateway that a route names as its parent.
type gatewayRef struct{ namespace, name, section string }

func (r gatewayRef) String() string { return "Gateway " + r.namespace + "/" + r.name }

// refOf reads a parentRef of a route in a namespace. It is not ok for another kind of
// parent.
func refOf(parent map[string]any, namespace string) (r gatewayRef, ok bool) {
	ok = cmp.Or(manifest.Text(parent, "kind"), "Gateway") == "Gateway" && cmp.Or(manifest.Text(parent, "group"), exposure.GatewayGroup) == exposure.GatewayGroup
	return gatewayRef{namespace: cmp.Or(manifest.Text(parent, "namespace"), namespace), name: manifest.Text(parent, "name"), section: manifest.Text(parent, "sectionName")}, ok
}

func gatewayRefs(route *unstructured.Unstructured) []gatewayRef {
	var all []gatewayRef
	for _, parent := range manifest.Maps(route.Object, "spec", "parentRefs") {
		if r, ok := refOf(parent, route.GetNamespace()); ok {
			all = append(all, r)
		}
	}
	return all
}

func routeOf(have *unstructured.Unstructured, gateways []*unstructured.Unstructured) Endpoint {
	var e Endpoint
	refs := gatewayRefs(have)
	if len(refs) == 0 {
		e.Problems = append(e.Problems, "it names no Gateway (spec.parentRefs)")
	}
	for i, ref := range refs {
		if i >= len(gateways) || gateways[i] == nil {
			e.Problems = append(e.Problems, "the host has no "+ref.String())
			continue
		}
		e.Problems = append(e.Problems, accepted(have, ref)...)
		e.Problems = append(e.Problems, programmed(gateways[i], ref)...)
		for _, a := range manifest.Maps(gateways[i].Object, "status", "addresses") {
			if address := manifest.Text(a, "value"); address != "" && !slices.Contains(e.Published, address) {
				e.Published = append(e.Published, address)
			}
		}
	}
	return e
}

// accepted says what the Gateway's controller wrote into the route's status.
func accepted(route *unstructured.Unstructured, ref gatewayRef) []string {
	var all []string
	told := false
	for _, parent := range manifest.Maps(route.Object, "status", "parents") {
		about, _, _ := unstructured.NestedMap(parent, "parentRef")
		if r, ok := refOf(about, route.GetNamespace()); !ok || r != ref {
			continue
		}
		told = true
		for _, want := range []string{"Accepted", "ResolvedRefs"} {
			all = append(all, unmet(parent, ref.String()+" has not set", want, route.GetGeneration())...)
		}
	}
	if !told {
		all = append(all, "no controller has answered for "+ref.String()+" (status.parents)")
	}
	return all
}

// programmed reports whether the Gateway serves, and whether the listeners that the route
// may use leave TLS to the virtual cluster.
func programmed(gateway *unstructured.Unstructured, ref gatewayRef) []string {
	status, _, _ := unstructured.NestedMap(gateway.Object, "status")
	all := unmet(status, ref.String()+" has not set", "Programmed", gateway.GetGeneration())
	found, through := false, false
	for _, l := range manifest.Maps(gateway.Object, "spec", "listeners") {
		if ref.section != "" && manifest.Text(l, "name") != ref.section {
			continue
		}
		found = true
		through = through || manifest.Text(l, "protocol") == "TLS" && manifest.Text(l, "tls", "mode") == "Passthrough"
	}
	switch {
	case !found && ref.section != "":
		all = append(all, ref.String()+" has no listener "+ref.section)
	case !through:
		all = append(all, ref.String()+" has no listener for it with protocol TLS and tls.mode Passthrough: it ends TLS itself, and a client certificate does not reach the virtual cluster")
	}
	for _, l := range manifest.Maps(gateway.Object, "status", "listeners") {
		if ref.section != "" && manifest.Text(l, "name") == ref.section {
			all = append(all, unmet(l, "the listener "+ref.section+" of "+ref.String()+" has not set", "Programmed", gateway.GetGeneration())...)
		}
	}
	return all
}

// unmet returns what is missing of a condition in a status: that it is there, is True,
// and is about the newest generation of its object.
func unmet(status map[string]any, who, want string, generation int64) []string {
	for _, c := range manifest.Maps(status, "conditions") {
		if manifest.Text(c, "type") != want {
			continue
		}
		seen, told, _ := unstructured.NestedInt64(c, "observedGeneration")
		switch {
		case told && seen < generation:
			return []string{fmt.Sprintf("%s %s for its newest generation", who, want)}
		case manifest.Text(c, "status") != "True":
			return []string{strings.TrimSuffix(fmt.Sprintf("%s %s: %s %s", who, want, manifest.Text(c, "reason"), oneLine(manifest.Text(c, "message"))), " ")}
		}
		return nil
	}
	return []string{fmt.Sprintf("%s %s", who, want)}
}

// oneLine makes a controller's text fit into a message.
func oneLine(text string) string { return finding.Short(strings.Join(strings.Fields(text), " "), 200) }
