package handmade

import (
	"cmp"
	"maps"
	"slices"

	"kasou/pipelines/fleet"
)

// Spec returns what the tree says of the cluster, without its values and what the fleet
// says anyway. host is the one that the spec is to name, empty for none, and chart is
// where its chart comes from.
func (c Cluster) Spec(f *fleet.Fleet, host string, chart fleet.Chart) fleet.ClusterSpec {
	s := fleet.ClusterSpec{Chart: &chart, Host: host}
	defaults := fleet.ClusterSpec{}
	if f.Spec.Defaults != nil {
		defaults = *f.Spec.Defaults
	}
	if defaults.Chart != nil && *defaults.Chart == chart {
		s.Chart = nil
	}
	if c.Namespace != c.Name {
		s.Namespace = c.Namespace
	}
	if c.ServiceCIDR != "" && c.ServiceCIDR != f.Spec.HostOf(cmp.Or(host, defaults.Host)).ServiceCIDR {
		s.ServiceCIDR = c.ServiceCIDR
	}
	if c.Host != "" {
		on := true
		s.Ingress = &fleet.Ingress{Enabled: &on, Host: c.Host, ClassName: c.ClassName}
		if defaults.Ingress != nil && defaults.Ingress.ClassName == c.ClassName {
			s.Ingress.ClassName = ""
		}
	}
	if c.Host == "" && defaults.Ingress != nil && defaults.Ingress.Enabled != nil && *defaults.Ingress.Enabled {
		off := false
		s.Ingress = &fleet.Ingress{Enabled: &off}
	}
	// For Ways: the fleet's defaults may say the same.
	s.Endpoint = &fleet.Endpoint{Gateway: c.Gateway, LoadBalancer: c.LoadBalancer, NodePort: c.NodePort}
	if ways := s.Ways(); c.Server != "" && (len(ways) == 0 || c.Server != ways[0].URL()) {
		s.Server = c.Server
	}
	s.Endpoint = c.endpoint(defaults)
	if len(c.PodSecurity) > 0 {
		s.PodSecurity = &fleet.PodSecurity{Enforce: c.PodSecurity["enforce"], Audit: c.PodSecurity["audit"], Warn: c.PodSecurity["warn"]}
	}
	s.ArgoCD = c.argocd(f)
	return s
}

// endpoint returns the ways in of a cluster beside the ingress, without what the fleet's defaults say anyway,
// and turns the ways in off that the defaults would add; nil where nothing is left.
func (c Cluster) endpoint(defaults fleet.ClusterSpec) *fleet.Endpoint {
	shared := fleet.Endpoint{}
	if defaults.Endpoint != nil {
		shared = *defaults.Endpoint
	}
	own, on, off := fleet.Endpoint{}, true, false
	if c.Gateway != nil {
		own.Gateway = beyondDefault(*c.Gateway, cmp.Or(shared.Gateway, &fleet.GatewayEndpoint{}), c.Name)
	} else if g := shared.Gateway; g != nil && g.Host != "" {
		own.Gateway = &fleet.GatewayEndpoint{Enabled: &off}
	}
	switch l := shared.LoadBalancer; {
	case c.LoadBalancer != nil:
		own.LoadBalancer = c.LoadBalancer
		if l != nil && l.Enabled != nil {
			own.LoadBalancer.Enabled = &on
		}
	case l != nil && l.Host != "":
		own.LoadBalancer = &fleet.LoadBalancerEndpoint{Enabled: &off}
	}
	switch n := shared.NodePort; {
	case c.NodePort != nil:
		own.NodePort = c.NodePort
		if n != nil && n.Enabled != nil {
			own.NodePort.Enabled = &on
		}
	case n != nil && n.Host != "":
		own.NodePort = &fleet.NodePortEndpoint{Enabled: &off}
	}
	if own == (fleet.Endpoint{}) {
		return nil
	}
	return &own
}

// beyondDefault returns what a cluster's gateway says that the default one does not; nil
// where that is nothing.
func beyondDefault(own fleet.GatewayEndpoint, shared *fleet.GatewayEndpoint, cluster string) *fleet.GatewayEndpoint {
	if slices.Equal(own.ParentRefs, shared.ParentRefs) {
		own.ParentRefs = nil
	}
	if shared.Enabled != nil && !*shared.Enabled {
		on := true
		own.Enabled = &on
	} else if own.Host == fleet.WithName(shared.Host, cluster) && own.ParentRefs == nil && maps.Equal(own.Annotations, shared.Annotations) {
		return nil
	}
	return &own
}

// argocd returns what the Application says otherwise than the fleet; nil for nothing.
func (c Cluster) argocd(f *fleet.Fleet) *fleet.ArgoCD {
	if c.Application == "" {
		return nil
	}
	var a fleet.ArgoCD
	projects := f.Spec.ArgoCD.ProjectNames()
	if slices.Contains(projects, c.Project) && projects[0] != c.Project {
		a.Project = c.Project
	}
	if !c.Automated {
		off := false
		a.Automated = &off
	}
	if a == (fleet.ArgoCD{}) {
		return nil
	}
	return &a
}
