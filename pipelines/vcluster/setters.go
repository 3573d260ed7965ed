package vcluster

import (
	"slices"
	"strings"

	"kasou/pipelines/finding"
)

// setter puts one field of the spec into a plan, the way that an edition of a
// chart wants it.
type setter func(*plan)

// The fields of a spec that findings point at.
var (
	fieldCIDR        = []string{"spec", "serviceCIDR"}
	fieldIngress     = []string{"spec", "ingress"}
	fieldHost        = []string{"spec", "ingress", "host"}
	fieldClass       = []string{"spec", "ingress", "className"}
	fieldAnnotations = []string{"spec", "ingress", "annotations"}
	fieldServer      = []string{"spec", "server"}
)

const classAnnotation = "kubernetes.io/ingress.class"

// k3sArgument: 0.4 has no value for it; the list of k3s arguments replaces the
// default one, whose only item is --service-cidr=10.96.0.0/12.
func k3sArgument(p *plan) {
	if p.cidr != "" {
		p.values.argument(fieldCIDR, "--service-cidr", p.cidr, "vcluster", "extraArgs")
		return
	}
	if list, ok := lookup(p.user, "vcluster", "extraArgs").([]any); ok && len(flagValues(list, "--service-cidr")) > 0 {
		return
	}
	p.say(finding.Error, RuleMissingServiceCIDR, fieldCIDR,
		"chart "+p.chart+" cannot find the host's service CIDR by itself and would take 10.96.0.0/12",
		"Write spec.serviceCIDR, or spec.host.serviceCIDR in the fleet file.")
}

// rootCIDR: k3s and k8s charts take it up to 0.16, the one chart from 0.20.
func rootCIDR(p *plan) {
	if p.cidr != "" {
		p.values.set(fieldCIDR, p.cidr, "serviceCIDR")
	}
}

// rootSingleCIDR: k0s knows one range (v0.19.7 pkg/util/servicecidr cuts at the
// comma, too).
func rootSingleCIDR(p *plan) {
	first, _, dual := strings.Cut(p.cidr, ",")
	if dual {
		p.say(finding.Warning, RuleUnsupportedField, fieldCIDR,
			"chart "+p.chart+" takes one service CIDR: "+first+" is used, the second is left out",
			"Use the k3s or k8s chart for a dual-stack vcluster.")
	}
	if first != "" {
		p.values.set(fieldCIDR, first, "serviceCIDR")
	}
}

// configMapCIDR: the k3s chart of 0.17 and 0.18 has no value for it, but the
// syncer takes the range from a ConfigMap that is there before it starts. It
// does so for a single range only, and overwrites anything else.
func configMapCIDR(p *plan) {
	switch {
	case p.cidr == "":
	case strings.Contains(p.cidr, ","):
		p.say(finding.Note, RuleUnsupportedField, fieldCIDR,
			"chart "+p.chart+" takes no dual-stack service CIDR; the syncer asks the host itself", "")
	default:
		p.objects = append(p.objects, p.configMap())
	}
}

// rootAndConfigMapCIDR: in the k8s and eks charts of 0.17 and 0.18 the API
// server takes the value, and its certificate is made for what the ConfigMap
// says (v0.18.1 pkg/setup/initialize.go).
func rootAndConfigMapCIDR(p *plan) {
	rootCIDR(p)
	if p.cidr != "" && !strings.Contains(p.cidr, ",") {
		p.objects = append(p.objects, p.configMap())
	}
}

// detectedCIDR: 0.19 asks the host and takes no answer from elsewhere
// (v0.19.7 pkg/setup/initialize.go).
func detectedCIDR(p *plan) {
	if p.cidr != "" {
		p.say(finding.Note, RuleUnsupportedField, fieldCIDR,
			"chart "+p.chart+" takes no service CIDR; the syncer asks the host itself", "")
	}
}

// rootOrPrivateCIDR: with private nodes the cluster's range is its own, and has
// a value of its own since 0.26 (values.schema.json).
func rootOrPrivateCIDR(p *plan) {
	if lookup(p.user, "privateNodes", "enabled") != true {
		rootCIDR(p)
	} else if p.cidr != "" {
		p.values.set(fieldCIDR, p.cidr, "networking", "serviceCIDR")
	}
}

func noIngress(p *plan) {
	if p.ingress {
		p.say(finding.Error, RuleUnsupportedField, fieldIngress,
			"chart "+p.chart+" makes no Ingress: the first that does is 0.4.2",
			"Use chart version 0.4.3 or later.")
	}
}

// plainIngress: ingress.{enabled,host,ingressClassName,annotations}.
func plainIngress(p *plan) { ingressAt(p, []string{"ingress"}, "ingressClassName") }

func controlPlaneIngress(p *plan) {
	ingressAt(p, []string{"controlPlane", "ingress"}, "spec", "ingressClassName")
}

// ingressAt puts the ingress below a key, its class where that is from there.
func ingressAt(p *plan, below []string, class ...string) {
	if !p.ingress {
		return
	}
	at := func(keys ...string) []string { return slices.Concat(below, keys) }
	p.values.set(fieldIngress, true, at("enabled")...)
	if p.host != "" {
		p.values.set(fieldHost, p.host, at("host")...)
	}
	if p.class != "" {
		p.values.set(fieldClass, p.class, at(class...)...)
	}
	p.values.annotate(fieldAnnotations, p.annotations, at("annotations")...)
}

// classedIngress: up to 0.10 the default annotations hold the old class
// annotation, which an API server does not accept beside ingressClassName.
func classedIngress(p *plan) {
	plainIngress(p)
	_, own := p.annotations[classAnnotation]
	if p.ingress && p.class != "" && !own {
		put(p.values.tree, nil, "ingress", "annotations", classAnnotation)
	}
}

// san is a name that the API server's certificate needs, and the field that asks for it.
type san struct {
	field []string
	name  string
}

// names are those of the ways in beside the ingress, and of the server, each once.
func (p *plan) names() []san {
	var all []san
	add := func(field []string, name string) {
		if name != "" && (!p.ingress || name != p.host) && !slices.ContainsFunc(all, func(s san) bool { return s.name == name }) {
			all = append(all, san{field, name})
		}
	}
	for _, w := range p.cluster.Spec.Ways() {
		add(w.Path, w.Host)
	}
	add(fieldServer, p.serverHost)
	return all
}

// syncerServerSAN: the chart itself passes the ingress host as --tls-san.
func syncerServerSAN(p *plan) {
	for _, s := range p.names() {
		p.values.argument(s.field, "--tls-san", s.name, "syncer", "extraArgs")
	}
}

// syncerSANs: 0.4.0 and 0.4.1 make no Ingress, and so pass no host of one.
func syncerSANs(p *plan) {
	if p.ingress && p.serverHost == p.host && p.host != "" {
		p.values.argument(fieldServer, "--tls-san", p.serverHost, "syncer", "extraArgs")
	}
	syncerServerSAN(p)
}

func syncerServer(p *plan) {
	if p.server != "" {
		p.values.argument(fieldServer, "--out-kube-config-server", p.server, "syncer", "extraArgs")
	}
}

// proxySANs: 0.20.0 does not add the ingress host by itself (pkg/server/cert).
func proxySANs(p *plan) {
	if p.ingress && p.host != "" {
		p.values.item(fieldHost, p.host, "controlPlane", "proxy", "extraSANs")
	}
	for _, s := range p.names() {
		p.values.item(s.field, s.name, "controlPlane", "proxy", "extraSANs")
	}
}

// proxyServerSAN: from 0.20.1 the ingress host is in the certificate anyway, so
// a list without it is not a mistake.
func proxyServerSAN(p *plan) {
	proxySANs(p)
	p.values.forget(fieldHost, "controlPlane", "proxy", "extraSANs")
}

func exportServer(p *plan) {
	if p.server != "" {
		p.values.set(fieldServer, p.server, "exportKubeConfig", "server")
	}
}
