package fleet

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
)

const (
	// RuleEndpoint is a way in that lacks something, or that stands beside another one
	// which excludes it.
	RuleEndpoint finding.Rule = "fleet-endpoint"
	// RuleNodePort is a node port outside of the range that hosts have by default.
	RuleNodePort finding.Rule = "fleet-node-port"
	// RuleDuplicateNodePort is a node port that another cluster has.
	RuleDuplicateNodePort finding.Rule = "fleet-duplicate-node-port"
)

// Way is one way in to a virtual cluster's API server.
type Way struct {
	// Kind is the part of an endpoint: gateway, loadBalancer, nodePort or ingress.
	Kind string
	// Host is a DNS name or an address, and Port that at which it serves.
	Host string
	Port int
	// Path is where the host stands in a spec.
	Path []string
}

// URL returns the https URL of the way in.
func (w Way) URL() string {
	if w.Port != 443 {
		return "https://" + net.JoinHostPort(w.Host, strconv.Itoa(w.Port))
	}
	if strings.Contains(w.Host, ":") {
		return "https://[" + w.Host + "]"
	}
	return "https://" + w.Host
}

// The kinds of ways in.
const (
	ByGateway      = "gateway"
	ByLoadBalancer = "loadBalancer"
	ByNodePort     = "nodePort"
	ByIngress      = "ingress"
)

// Ways returns the ways in that are in use; the server is that of the first. An ingress is
// the last, as it is what clusters move away from.
func (s ClusterSpec) Ways() []Way {
	var ways []Way
	for _, p := range s.Endpoint.parts() {
		if p.host != "" && (p.enabled == nil || *p.enabled) {
			ways = append(ways, Way{Kind: p.kind, Host: p.host, Port: p.port, Path: []string{"spec", "endpoint", p.kind, "host"}})
		}
	}
	if in := s.Ingress; in != nil && in.Enabled != nil && *in.Enabled && in.Host != "" {
		ways = append(ways, Way{Kind: ByIngress, Host: in.Host, Port: 443, Path: []string{"spec", "ingress", "host"}})
	}
	return ways
}

// Way returns the way in of a kind, and whether it is in use.
func (s ClusterSpec) Way(kind string) (Way, bool) {
	ways := s.Ways()
	i := slices.IndexFunc(ways, func(w Way) bool { return w.Kind == kind })
	if i < 0 {
		return Way{}, false
	}
	return ways[i], true
}

// part is what the parts of an endpoint but the ingress have in common.
type part struct {
	kind    string
	enabled *bool
	host    string
	port    int
}

// parts returns those that are there. It may be called on nil.
func (e *Endpoint) parts() []part {
	var all []part
	if e == nil {
		return nil
	}
	if g := e.Gateway; g != nil {
		all = append(all, part{ByGateway, g.Enabled, g.Host, 443})
	}
	if l := e.LoadBalancer; l != nil {
		all = append(all, part{ByLoadBalancer, l.Enabled, l.Host, 443})
	}
	if n := e.NodePort; n != nil {
		all = append(all, part{ByNodePort, n.Enabled, n.Host, n.Port})
	}
	return all
}

// hosts returns where the parts that are there have theirs. It may be called on nil.
func (e *Endpoint) hosts() []*string {
	var all []*string
	if e == nil {
		return nil
	}
	if e.Gateway != nil {
		all = append(all, &e.Gateway.Host)
	}
	if e.LoadBalancer != nil {
		all = append(all, &e.LoadBalancer.Host)
	}
	if e.NodePort != nil {
		all = append(all, &e.NodePort.Host)
	}
	return all
}

// withIngress returns a part of a spec with the endpoint's ingress laid over spec.ingress.
// One that has a host is in use, unless it says otherwise. The part is not modified.
func withIngress(spec map[string]any) map[string]any {
	endpoint, _ := spec["endpoint"].(map[string]any)
	own, ok := endpoint["ingress"].(map[string]any)
	if !ok {
		return spec
	}
	own = maps.Clone(own)
	if _, stated := own["enabled"]; !stated && own["host"] != nil {
		own["enabled"] = true
	}
	spec, endpoint = maps.Clone(spec), maps.Clone(endpoint)
	delete(endpoint, "ingress")
	spec["endpoint"] = endpoint
	spec["ingress"] = manifest.Merge(object(spec, "ingress"), own)
	return spec
}

// spellings returns a path, and where the same field may stand, too: spec.ingress and
// spec.endpoint.ingress are one.
func spellings(path []string) [][]string {
	i := slices.Index(path, "ingress")
	if i < 1 || path[i-1] == "endpoint" || slices.Contains(path[:i], "values") {
		return [][]string{path}
	}
	return [][]string{path, slices.Insert(slices.Clone(path), i, "endpoint")}
}

// spelled returns the spelling of a path that a document has; that of its beginning where it
// has none.
func spelled(d *position.Document, path []string) []string {
	all := spellings(path)
	if len(all) == 1 || d.Has(path...) {
		return path
	}
	i := slices.Index(path, "ingress")
	if d.Has(all[1]...) || d.Has(all[1][:i+2]...) && !d.Has(path[:i+1]...) {
		return all[1]
	}
	return path
}

// endpoint checks the ways in of one cluster.
func (k *check) endpoint() {
	k.ingress()
	e := k.cluster.Spec.Endpoint
	if e == nil {
		return
	}
	if k.own.has("spec", "ingress") && k.own.has("spec", "endpoint", "ingress") {
		k.report("spec.endpoint.ingress", fail(RuleEndpoint, "stands beside spec.ingress, which is the same", "Write all of it into one of the two."))
	}
	for _, p := range e.parts() {
		k.part(p)
	}
	ways := k.cluster.Spec.Ways()
	if _, on := k.cluster.Spec.Way(ByGateway); on && len(e.Gateway.ParentRefs) == 0 {
		k.report("spec.endpoint.gateway.parentRefs", fail(RuleEndpoint, "is missing: no Gateway takes the route", "Name the Gateway: parentRefs: [{name: NAME, namespace: NAMESPACE}]."))
	}
	_, balanced := k.cluster.Spec.Way(ByLoadBalancer)
	if _, on := k.cluster.Spec.Way(ByNodePort); on && balanced {
		k.report("spec.endpoint.nodePort", fail(RuleEndpoint, "stands beside loadBalancer: the one Service has one type", "Take one of them out, or write enabled: false into it."))
	}
	if e.Gateway != nil {
		k.annotations("spec.endpoint.gateway.annotations", e.Gateway.Annotations)
	}
	if e.LoadBalancer != nil {
		k.annotations("spec.endpoint.loadBalancer.annotations", e.LoadBalancer.Annotations)
	}
	if e.DNS != nil {
		k.dns(ways)
	}
}

// annotations refuses those that make the object something else to Argo CD, such as a hook.
func (k *check) annotations(at string, all map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(all)) {
		k.reportKey(at, name, checkMetadataKey(name))
	}
}

// part checks one part of an endpoint that is in use, or that the spec itself has without a
// host.
func (k *check) part(p part) {
	at := "spec.endpoint." + p.kind
	switch {
	case p.enabled != nil && !*p.enabled:
		return
	case p.host == "" && (p.enabled != nil || k.own.has("spec", "endpoint", p.kind)):
		k.report(at, fail(RuleEndpoint, "has no host", "Add the name under which the API server is to be reached: host: "+k.cluster.Name+".example.com."))
		return
	case p.host == "":
		return
	case p.kind == ByGateway:
		k.report(at+".host", checkDNSName(RuleEndpoint, "a TLSRoute", p.host))
	default:
		k.report(at+".host", checkAddressOrName(p.host))
	}
	if p.kind != ByNodePort {
		return
	}
	switch {
	case p.port == 0:
		k.report(at+".port", fail(RuleEndpoint, "is missing: Argo CD dials one port, and the host would choose any", "Write one between 30000 and 32767 that no other Service has: port: 30443."))
	case p.port < 30000 || p.port > 32767:
		k.report(at+".port", warn(RuleNodePort, fmt.Sprintf("%d is outside of 30000 to 32767, which API servers take by default (--service-node-port-range)", p.port), "Is it in the host's range?"))
	}
}

func (k *check) dns(ways []Way) {
	if len(ways) == 0 {
		k.report("spec.endpoint.dns", fail(RuleEndpoint, "has no host to publish: no way in is in use", "Write a host beside it, or take it out."))
	}
	var addresses, names int
	for i, target := range k.cluster.Spec.Endpoint.DNS.Targets {
		if _, err := netip.ParseAddr(target); err == nil {
			addresses++
			continue
		}
		names++
		k.report(fmt.Sprintf("spec.endpoint.dns.targets.%d", i), checkSubdomain(RuleEndpoint, target))
	}
	if names > 1 || names > 0 && addresses > 0 {
		k.report("spec.endpoint.dns.targets", fail(RuleEndpoint, "has a name beside other targets: a CNAME record has one", "Write addresses alone, or one name."))
	}
}

func (k *check) ingress() {
	in := k.cluster.Spec.Ingress
	k.annotations("spec.ingress.annotations", in.Annotations)
	stated := k.given.Ingress != nil && k.given.Ingress.Enabled != nil
	switch {
	case in.Host != "":
		p := checkDNSName(RuleIngressHost, "an Ingress", in.Host)
		k.report("spec.ingress.host", p)
		if p == nil && !*in.Enabled && !stated {
			k.report("spec.ingress.host", warn(RuleIngressDisabled, "is set, and no Ingress will be made: ingress.enabled is not set", "Write enabled: true, or enabled: false to say that this is meant."))
		}
	case *in.Enabled:
		k.report("spec.ingress.host", fail(RuleIngressHost, "is missing, and ingress.enabled is true", "Add the DNS name under which the API server is to be reached: host: "+k.cluster.Name+".example.com."))
	}
}

// checkAddressOrName wants a DNS name or an address that a server's URL can be made of.
func checkAddressOrName(host string) *problem {
	if _, err := netip.ParseAddr(host); err != nil {
		return checkDNSName(RuleEndpoint, "", host)
	}
	if _, err := NormalizeServer(Way{Host: host, Port: 443}.URL()); err != nil {
		return fail(RuleEndpoint, quoted(host)+" makes a server that "+err.Error(), "Write the address at which Argo CD reaches the cluster.")
	}
	return nil
}

// checkHostNames reports two clusters behind one DNS name, or one node port. A load balancer
// and the nodes may have a name for many clusters, where the ports differ; the same name
// and port is the same server.
func checkHostNames(all []*check) {
	type nodePort struct {
		host string
		port int
	}
	type server struct {
		Way
		of *check
	}
	hosts, ports := map[string]server{}, map[nodePort]*check{}
	for _, k := range all {
		for _, w := range k.cluster.Spec.Ways() {
			if w.Kind == ByNodePort {
				path, at := "spec.endpoint.nodePort.port", nodePort{k.cluster.Spec.Host, w.Port}
				if other := ports[at]; other != nil && w.Port != 0 {
					k.report(path, fail(RuleDuplicateNodePort, fmt.Sprintf("%d is also the node port of %s (%s)", w.Port, other.cluster.Name, other.place(path)), "Give each cluster a port of its own: the host's API server refuses the second."))
				} else {
					ports[at] = k
				}
				continue
			}
			host := strings.TrimSuffix(strings.ToLower(w.Host), ".")
			if other, taken := hosts[host]; !taken {
				hosts[host] = server{w, k}
			} else if other.of != k {
				at := other.of.place(strings.Join(other.Path, "."))
				k.report(strings.Join(w.Path, "."), fail(RuleDuplicateHost, fmt.Sprintf("%s is also the %s host of %s (%s)", quoted(w.Host), other.Kind, other.of.cluster.Name, at), "Give each cluster a host of its own."))
			}
		}
	}
}
