package handmade

import (
	"cmp"
	"maps"
	"net"
	"net/url"
	"slices"

	"github.com/Masterminds/semver/v3"

	"kasou/pipelines/exposure"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
)

// firstNodePorts is the first chart version with a value for a node port
// (httpsNodePort in values.yaml); of an older one the field cannot say the same.
var firstNodePorts = semver.MustParse("0.19.0")

// service takes the way in that the chart's Service is, by its type, once the values are
// known. It takes none where spec.endpoint would make another Service: with a DNS name kasou
// writes the annotation of ExternalDNS, so a Service without it stays in the values.
func (c *Cluster) service() {
	c.Server = cmp.Or(c.Server, manifest.Text(c.Values, "exportKubeConfig", "server")) // from 0.20 on it is not an argument
	var objects []map[string]any
	for _, d := range c.Documents {
		if d.Head.Kind == "Service" { // chart 0.19 has one of its own for the load balancer
			objects = append(objects, d.Object)
		}
	}
	ways := exposure.Of(objects, c.Name)
	if len(ways) != 1 {
		return
	}
	w, object := ways[0], objects[ways[0].Index]
	server, err := url.Parse(c.Server)
	if err != nil {
		return
	}
	host := server.Hostname()
	if len(w.Hosts) == 1 {
		host = cmp.Or(host, w.Hosts[0])
	}
	if named := net.ParseIP(host) == nil; host == "" || named != (len(w.Hosts) > 0) || named && !slices.Equal(w.Hosts, []string{host}) {
		return
	}
	switch w.Kind {
	case exposure.LoadBalancer:
		annotations := text(object, "metadata", "annotations")
		maps.DeleteFunc(annotations, func(name, value string) bool { return name == exposure.HostnameAnnotation && value == host })
		c.LoadBalancer = &fleet.LoadBalancerEndpoint{Host: host, Annotations: annotations}
		if len(annotations) == 0 {
			c.LoadBalancer.Annotations = nil
		}
	case exposure.NodePort:
		v, err := semver.NewVersion(c.Version)
		if port := nodePort(object); port != 0 && err == nil && !v.LessThan(firstNodePorts) {
			c.NodePort = &fleet.NodePortEndpoint{Host: host, Port: port}
		}
	}
}

// nodePort returns the port of the nodes that leads to the API server; 0 where the host
// chooses it.
func nodePort(service map[string]any) int {
	for _, p := range manifest.Maps(service, "spec", "ports") {
		if p["name"] == "https" {
			switch n := p["nodePort"].(type) {
			case int64:
				return int(n)
			case float64:
				return int(n)
			}
		}
	}
	return 0
}
