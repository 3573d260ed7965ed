package vcluster

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/exposure"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
)

// Gateway API's TLSRoute is of version v1 in the standard channel since 1.5
// (kubernetes-sigs/gateway-api, config/crd/standard).
const gatewayAPI = "gateway.networking.k8s.io/v1"

var fieldDNS = []string{"spec", "endpoint", "dns"}

func fieldOf(kind string, more ...string) []string {
	return append([]string{"spec", "endpoint", kind}, more...)
}

// gateway makes the route: charts from 0.34 on have it (templates/tlsroute.yaml), and for
// those before kasou writes it.
func gateway(p *plan) {
	w, on := p.cluster.Spec.Way(fleet.ByGateway)
	if !on {
		return
	}
	annotations := p.endpoint.Gateway.Annotations
	var parents []any
	for _, ref := range p.endpoint.Gateway.ParentRefs {
		parents = append(parents, parentRef(ref))
	}
	if p.chartName == "vcluster" && (span{from: "0.34.0"}).holds(p.version) {
		at := func(key string) []string { return []string{"controlPlane", "tlsRoute", key} }
		p.values.set(fieldOf(w.Kind), true, at("enabled")...)
		p.values.set(w.Path, w.Host, at("host")...)
		p.values.set(fieldOf(w.Kind, "parentRefs"), parents, at("parentRefs")...)
		p.values.annotate(fieldOf(w.Kind, "annotations"), annotations, at("annotations")...)
		return
	}
	o := p.object("tlsroute.yaml", gatewayAPI, "TLSRoute", p.cluster.Name)
	if len(annotations) > 0 {
		o.Manifest["metadata"].(map[string]any)["annotations"] = texts(annotations)
	}
	o.Manifest["spec"] = map[string]any{
		"parentRefs": parents, "hostnames": []any{w.Host},
		"rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": p.cluster.Name, "port": 443}}}},
	}
	p.objects = append(p.objects, o)
}

func parentRef(ref fleet.ParentRef) map[string]any {
	made := map[string]any{"name": ref.Name}
	if ref.Namespace != "" {
		made["namespace"] = ref.Namespace
	}
	if ref.SectionName != "" {
		made["sectionName"] = ref.SectionName
	}
	if ref.Port != 0 {
		made["port"] = ref.Port
	}
	return made
}

func texts(from map[string]string) map[string]any {
	to := make(map[string]any, len(from))
	for key, value := range from {
		to[key] = value
	}
	return to
}

// serviceEdition is how a chart takes what concerns the Service, from one version until the
// next edition's. Where keys are empty, it has no such value.
type serviceEdition struct {
	from                                     string
	kind, port, balancedNotes, nodePortNotes []string
}

// serviceEditions hold for all vcluster charts. Read in templates/*service*.yaml of the
// tagged releases of loft-sh/vcluster: 0.14.2 has no annotations, 0.15.0 takes
// syncer.serviceAnnotations, 0.19.0 tells those of the load balancer apart and has ports.
var serviceEditions = []serviceEdition{
	{from: "0.4.0", kind: []string{"service", "type"}},
	{from: "0.15.0", kind: []string{"service", "type"}, balancedNotes: []string{"syncer", "serviceAnnotations"}, nodePortNotes: []string{"syncer", "serviceAnnotations"}},
	{
		from: "0.19.0", kind: []string{"service", "type"}, port: []string{"service", "httpsNodePort"},
		balancedNotes: []string{"service", "loadBalancerAnnotations"}, nodePortNotes: []string{"syncer", "serviceAnnotations"},
	},
	{
		from: "0.20.0", kind: []string{"controlPlane", "service", "spec", "type"}, port: []string{"controlPlane", "service", "httpsNodePort"},
		balancedNotes: []string{"controlPlane", "service", "annotations"}, nodePortNotes: []string{"controlPlane", "service", "annotations"},
	},
}

// service makes the Service one of the type that the endpoint wants.
func service(p *plan) {
	e := serviceEditionOf(p.version)
	if w, on := p.cluster.Spec.Way(fleet.ByLoadBalancer); on {
		p.values.set(fieldOf(w.Kind), "LoadBalancer", e.kind...)
		p.announce(w, p.endpoint.LoadBalancer.Annotations, e.balancedNotes)
	}
	w, on := p.cluster.Spec.Way(fleet.ByNodePort)
	if !on {
		return
	}
	if e.port == nil {
		p.say(finding.Error, RuleUnsupportedField, fieldOf(w.Kind, "port"),
			"chart "+p.chart+" takes no node port: the host would choose any", "Use chart version 0.19.0 or later, or another endpoint.")
		return
	}
	p.values.set(fieldOf(w.Kind), "NodePort", e.kind...)
	p.values.set(fieldOf(w.Kind, "port"), w.Port, e.port...)
	p.announce(w, nil, e.nodePortNotes)
}

func serviceEditionOf(v *semver.Version) serviceEdition {
	for _, e := range slices.Backward(serviceEditions) {
		if (span{from: e.from}).holds(v) {
			return e
		}
	}
	return serviceEditions[0]
}

// announce puts the annotations on the Service, with the one by which ExternalDNS learns
// the name, unless a DNSEndpoint has it, or it is an address.
func (p *plan) announce(w fleet.Way, annotations map[string]string, keys []string) {
	all := maps.Clone(annotations)
	if all == nil {
		all = map[string]string{}
	}
	if _, stated := all[exposure.HostnameAnnotation]; !stated && p.endpoint.DNS == nil && !isAddress(w.Host) {
		all[exposure.HostnameAnnotation] = w.Host
	}
	switch {
	case len(all) == 0:
	case keys != nil:
		p.values.annotate(fieldOf(w.Kind, "annotations"), all, keys...)
	case len(annotations) > 0:
		p.say(finding.Error, RuleUnsupportedField, fieldOf(w.Kind, "annotations"),
			"chart "+p.chart+" takes no annotations of its Service", "Use chart version 0.15.0 or later.")
	default:
		p.say(finding.Warning, RuleUnsupportedField, w.Path,
			"chart "+p.chart+" takes no annotations of its Service, so ExternalDNS does not learn of "+w.Host,
			"Write spec.endpoint.dns with the load balancer's address, or publish the name yourself.")
	}
}

// dns writes the DNSEndpoint (externaldns.k8s.io/v1alpha1) with the names of all ways in.
func dns(p *plan) {
	d := p.endpoint.DNS
	if d == nil {
		return
	}
	var names []string
	for _, w := range p.cluster.Spec.Ways() {
		if !isAddress(w.Host) && !slices.Contains(names, w.Host) {
			names = append(names, w.Host)
		}
	}
	var endpoints []any
	for _, name := range names {
		for _, kind := range []string{"A", "AAAA", "CNAME"} {
			var targets []any
			for _, t := range d.Targets {
				if recordType(t) == kind {
					targets = append(targets, t)
				}
			}
			if len(targets) == 0 {
				continue
			}
			record := map[string]any{"dnsName": name, "recordType": kind, "targets": targets}
			if d.TTL > 0 {
				record["recordTTL"] = d.TTL
			}
			endpoints = append(endpoints, record)
		}
	}
	if len(endpoints) == 0 {
		p.say(finding.Warning, RuleUnsupportedField, fieldDNS, "no way in has a name to publish: their hosts are addresses", "Take spec.endpoint.dns out.")
		return
	}
	o := p.object("dnsendpoint.yaml", "externaldns.k8s.io/v1alpha1", "DNSEndpoint", p.cluster.Name)
	o.Manifest["spec"] = map[string]any{"endpoints": endpoints}
	p.objects = append(p.objects, o)
}

// checkPassthrough finds an Ingress whose controller ends TLS, or is not known to pass it
// through. The annotations that every chart brings are ingress-nginx's alone
// (ingress.annotations in values.yaml of 0.4.2 to 0.36.1).
func checkPassthrough(p *plan, effective map[string]any) {
	if !p.ingress {
		return
	}
	at, classAt := []string{"ingress", "annotations"}, []string{"ingress", "ingressClassName"}
	if p.chartName == "vcluster" && (span{from: "0.20.0"}).holds(p.version) {
		at, classAt = []string{"controlPlane", "ingress", "annotations"}, []string{"controlPlane", "ingress", "spec", "ingressClassName"}
	}
	class, _ := lookup(effective, classAt...).(string)
	annotations, _ := lookup(effective, at...).(map[string]any)
	if old, ok := annotations[classAnnotation].(string); ok && class == "" {
		class = old
	}
	why := "whatever ends TLS on the way has no key of the client's certificate, so that a credential with one is refused (401)"
	if class == "" || strings.Contains(class, "nginx") {
		if value, stated := annotations[passthroughAnnotation]; stated && fmt.Sprint(value) != "true" {
			place := p.userPath(append(at, passthroughAnnotation))
			if _, own := p.annotations[passthroughAnnotation]; own {
				place = append(slices.Clone(fieldAnnotations), passthroughAnnotation)
			}
			p.say(finding.Warning, RuleTLSEnds, place,
				passthroughAnnotation+" is not \"true\": ingress-nginx ends TLS, and "+why, "Leave the annotation to the chart, or let Argo CD use a token: exportKubeConfig.serviceAccount in spec.values.")
		}
		return
	}
	if p.annotations[passthroughAnnotation] == "true" {
		return // the class is ingress-nginx's under another name
	}
	for name, value := range annotations {
		if name != passthroughAnnotation && strings.Contains(name, "passthrough") && fmt.Sprint(value) == "true" {
			return
		}
	}
	p.say(finding.Warning, RuleTLSEnds, fieldClass,
		"nothing asks the controller of ingress class "+class+" to pass TLS through: the chart's annotations are ingress-nginx's, and "+why,
		"Write the controller's own annotation into spec.ingress.annotations, such as haproxy.org/ssl-passthrough: \"true\" (or ingress-nginx's, if the class is one of it), or use spec.endpoint.gateway.")
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// recordType returns the type of the DNS record that leads to a target.
func recordType(target string) string {
	switch address, err := netip.ParseAddr(target); {
	case err != nil:
		return "CNAME"
	case address.Unmap().Is4():
		return "A"
	}
	return "AAAA"
}

const passthroughAnnotation = "nginx.ingress.kubernetes.io/ssl-passthrough"
