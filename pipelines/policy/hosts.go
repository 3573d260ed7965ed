package policy

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"kasou/pipelines/exposure"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// Endpoints are the DNS names at which API servers are reached, with the names of their
// clusters.
type Endpoints map[string]string

// EndpointsOf returns those of a fleet: of the ways in that specs name, and of the servers that
// Argo CD dials by another one, such as an Ingress by raw values. Nodes, and a server's name
// that several clusters have, are many clusters' at once.
func EndpointsOf(clusters []fleet.Cluster) Endpoints {
	endpoints, servers, shared := Endpoints{}, Endpoints{}, map[string]bool{}
	for _, c := range clusters {
		for _, way := range c.Spec.Ways() {
			if host := strings.ToLower(way.Host); way.Kind == fleet.ByNodePort {
				shared[host] = true
			} else {
				endpoints[host] = c.Name
			}
		}
		if host := hostOf(c.Spec.Server); host != "" {
			shared[host] = shared[host] || servers[host] != ""
			servers[host] = c.Name
		}
	}
	for host, cluster := range servers {
		if _, known := endpoints[host]; !known && !shared[host] {
			endpoints[host] = cluster
		}
	}
	return endpoints
}

// hostOf returns the host of a server's URL, empty where it has none.
func hostOf(server string) string {
	normal, err := fleet.NormalizeServer(server)
	u, notURL := url.Parse(normal)
	if err != nil || notURL != nil {
		return ""
	}
	return u.Hostname()
}

// Of returns the cluster whose API server is reached at a name, where that is another than
// the given one; else empty.
func (e Endpoints) Of(host, cluster string) string {
	if other := e[strings.ToLower(strings.TrimSuffix(host, "."))]; other != cluster {
		return other
	}
	return ""
}

// hosts refuses an object that claims the name of another cluster's API server: which of
// the two a client reaches, the controller decides. A wildcard comes behind the name itself.
func (c *checker) hosts(o Object, kind Kind) {
	for _, host := range claimed(o.Fields, kind) {
		c.claims = append(c.claims, host)
		other := c.Endpoints.Of(host, c.Cluster.Name)
		if other == "" {
			continue
		}
		c.add(o, RuleHost, fmt.Sprintf("%s claims the name %s, at which the API server of cluster %s is reached", name(o, kind), host, other),
			"Take another name; if it is meant, "+c.word(kind, "")+".")
	}
}

// claimed returns the DNS names that an object has routed or published.
func claimed(o map[string]any, kind Kind) []string {
	hosts := exposure.Annotated(o) // ExternalDNS reads it of Services, Ingresses and routes
	each := func(list []map[string]any, field string) {
		for _, element := range list {
			hosts = append(hosts, manifest.Text(element, field))
		}
	}
	switch {
	case kind == Kind{"networking.k8s.io", exposure.Ingress}:
		each(manifest.Maps(o, "spec", "rules"), "host")
		for _, tls := range manifest.Maps(o, "spec", "tls") {
			hosts = append(hosts, manifest.Texts(tls, "hosts")...)
		}
	case kind.Group == exposure.GatewayGroup && strings.HasSuffix(kind.Kind, "Route"):
		hosts = append(hosts, manifest.Texts(o, "spec", "hostnames")...)
	case kind == Kind{"externaldns.k8s.io", "DNSEndpoint"}:
		each(manifest.Maps(o, "spec", "endpoints"), "dnsName")
	}
	return sortedOnce(hosts)
}

func sortedOnce(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
