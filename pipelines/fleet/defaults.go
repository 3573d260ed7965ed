package fleet

import (
	"cmp"
	"maps"
	"strings"

	"kasou/pipelines/manifest"
)

// What holds where neither a spec nor the fleet says anything.
const (
	DefaultChartPath       = "charts/vcluster"
	DefaultArgoCDNamespace = "argocd"
	DefaultArgoCDName      = "kasou"
	DefaultDestination     = "https://kubernetes.default.svc"
	DefaultProject         = "default"
	DefaultRevision        = "HEAD"
	DefaultMaxAge          = "720h"
	// Orphan and Cascade are the kinds of argocd.deletion.
	Orphan  = "orphan"
	Cascade = "cascade"
	// AutoCIDR as a serviceCIDR asks the host.
	AutoCIDR = "auto"
)

// mergeSpecs lays a spec over the fleet's defaults: mappings key by key,
// anything else whole. It modifies neither.
func mergeSpecs(defaults, spec map[string]any) map[string]any {
	base := maps.Clone(defaults)
	inherited, _ := base["chart"].(map[string]any)
	own, _ := spec["chart"].(map[string]any)
	if inherited != nil && own != nil {
		base["chart"] = sameForm(inherited, own)
	}
	return manifest.Merge(base, spec)
}

// sameForm leaves out of an inherited chart what belongs to the other of its
// two forms, by path or by repository, than the spec chose.
func sameForm(inherited, own map[string]any) map[string]any {
	kept := maps.Clone(inherited)
	if _, byPath := own["path"]; byPath {
		for _, key := range []string{"repository", "name", "version"} {
			delete(kept, key)
		}
	} else if len(own) > 0 {
		delete(kept, "path")
	}
	return kept
}

// namePlaceholder stands for the cluster's name in the fields that fillName knows, so
// that one default gives every cluster a host of its own.
const namePlaceholder = "{name}"

// WithName returns a host or a server with the cluster's name in the places of {name}.
func WithName(text, cluster string) string {
	return strings.ReplaceAll(text, namePlaceholder, cluster)
}

// fillName writes the cluster's name into the places of {name}.
func (s *ClusterSpec) fillName(cluster string) {
	s.Server = WithName(s.Server, cluster)
	if s.Ingress != nil && strings.Contains(s.Ingress.Host, namePlaceholder) {
		own := *s.Ingress
		own.Host = WithName(own.Host, cluster)
		s.Ingress = &own
	}
	for _, host := range s.Endpoint.hosts() {
		*host = WithName(*host, cluster)
	}
}

func (f *Fleet) applyDefaults() {
	s := &f.Spec
	s.Repository.Revision = cmp.Or(s.Repository.Revision, DefaultRevision)
	s.Repository.Path = cmp.Or(s.Repository.Path, f.Dir)
	s.ArgoCD.Namespace = cmp.Or(s.ArgoCD.Namespace, DefaultArgoCDNamespace)
	s.ArgoCD.Name = cmp.Or(s.ArgoCD.Name, DefaultArgoCDName)
	if len(s.ArgoCD.Projects) == 0 {
		s.ArgoCD.Projects = []Project{{Name: DefaultProject}}
	}
	if s.Sealing != nil {
		s.Sealing.MaxAge = cmp.Or(s.Sealing.MaxAge, DefaultMaxAge)
	}
	s.Host.KubernetesVersion = fullVersion(s.Host.KubernetesVersion)
	for name, h := range s.Hosts {
		h.KubernetesVersion = fullVersion(h.KubernetesVersion)
		s.Hosts[name] = h
	}
}

// fullVersion returns 1.34 and v1.34.0 as 1.34.0.
func fullVersion(v string) string {
	v = strings.TrimPrefix(v, "v")
	if strings.Count(v, ".") == 1 {
		v += ".0"
	}
	return v
}

func (c *Cluster) applyDefaults(fleet FleetSpec) {
	s := &c.Spec
	if s.Chart == nil || *s.Chart == (Chart{}) {
		s.Chart = &Chart{Path: DefaultChartPath}
	}
	s.Namespace = cmp.Or(s.Namespace, c.Name)
	s.ServiceCIDR = cmp.Or(s.ServiceCIDR, fleet.HostOf(s.Host).ServiceCIDR)
	s.Ingress = orNew(s.Ingress)
	s.Ingress.Enabled = orValue(s.Ingress.Enabled, false)
	if ways := s.Ways(); s.Server == "" && len(ways) > 0 {
		s.Server = ways[0].URL()
	}
	s.PodSecurity = orNew(s.PodSecurity)
	s.ArgoCD = orNew(s.ArgoCD)
	s.ArgoCD.Project = cmp.Or(s.ArgoCD.Project, fleet.ArgoCD.Projects[0].Name)
	s.ArgoCD.Automated = orValue(s.ArgoCD.Automated, true)
	s.ArgoCD.Deletion = cmp.Or(s.ArgoCD.Deletion, Orphan)
	for _, v := range s.ValuesFrom {
		if v.Secret != nil {
			v.Secret.Namespace = cmp.Or(v.Secret.Namespace, s.Namespace)
		}
	}
}

// orNew returns a copy, so that what was given stays as it was.
func orNew[T any](p *T) *T {
	if p == nil {
		return new(T)
	}
	value := *p
	return &value
}

func orValue[T any](p *T, fallback T) *T {
	if p == nil {
		return &fallback
	}
	return p
}
