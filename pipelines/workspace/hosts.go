package workspace

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
)

// Asked is a cluster that a run asks: a host, the one that Argo CD runs in, or both.
type Asked struct {
	Breaker
	// ServiceRange is the cluster's, for specs that say auto.
	ServiceRange ServiceRange
	// Title is what messages call it, such as host eu-1.
	Title string
	// Open returns the cluster, and makes no request. The error is a *host.ConfigError, or
	// says that there is none.
	Open func() (*host.Host, error)
}

var errNoHost = errors.New("there is no host cluster to ask")

// Hosts are the clusters that a fleet is on, and the one that Argo CD runs in.
type Hosts struct {
	spec   fleet.FleetSpec
	byName map[string]*Asked
	argocd *Asked
	// several says that there is more than one.
	several bool
}

// openHosts returns the clusters, each of which is asked by its own context.
func openHosts(f *fleet.Fleet, o Options) Hosts {
	all, byContext := Hosts{spec: f.Spec, byName: map[string]*Asked{}}, map[string]*Asked{}
	open := func(context, title string) *Asked {
		if known, ok := byContext[context]; ok {
			return known
		}
		a := &Asked{Title: title, Open: func() (*host.Host, error) { return nil, errNoHost }}
		if o.OpenHost != nil {
			a.Open = sync.OnceValues(func() (*host.Host, error) { return o.OpenHost(context) })
		}
		byContext[context] = a
		return a
	}
	for _, name := range f.Spec.HostNames() {
		all.byName[name] = open(f.Spec.ContextOf(name), fleet.HostTitle(name))
	}
	if context, known := f.Spec.ArgoCDContext(); known {
		all.argocd = open(context, "Argo CD's cluster")
	}
	all.several = len(byContext) > 1
	return all
}

// By returns an error of a cluster that was asked, with the cluster's title where the
// fleet is on more than one.
func (h Hosts) By(a *Asked, err error) error {
	if err == nil || !h.several {
		return err
	}
	return fmt.Errorf("%s: %w", a.Title, err)
}

// Of returns the host that a cluster of the fleet is on.
func (h Hosts) Of(c fleet.Cluster) *Asked { return h.byName[c.Spec.Host] }

// ArgoCD returns the cluster that Argo CD runs in. The error says that fleet.yaml has no
// way to it.
func (h Hosts) ArgoCD() (*Asked, error) {
	if h.argocd == nil {
		return nil, errors.New("spec.argocd.context of fleet.yaml is missing, and Argo CD runs on another cluster than the hosts")
	}
	return h.argocd, nil
}

// Sealing returns the cluster whose controller has a certificate that fleet.yaml names.
// The error says that fleet.yaml has no way to it.
func (h Hosts) Sealing(named fleet.CertificateFile) (*Asked, error) {
	for _, name := range h.spec.HostNames() {
		if h.spec.CertificateOf(name).File == named.File {
			return h.byName[name], nil
		}
	}
	return h.ArgoCD()
}

// Under returns the hosts of some clusters, in the order of their names, each once.
func (h Hosts) Under(clusters []fleet.Cluster) []*Asked {
	used := map[*Asked]bool{}
	for _, c := range clusters {
		used[h.Of(c)] = true
	}
	return slices.DeleteFunc(h.All(), func(a *Asked) bool { return !used[a] })
}

// All returns the hosts in fleet.yaml, also those on which no cluster is, in the order of
// their names, each once.
func (h Hosts) All() []*Asked {
	var all []*Asked
	for _, name := range h.spec.HostNames() {
		if a := h.byName[name]; !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	return all
}

// useContext lets a context that the run was given take the place of the single host's.
func useContext(f *fleet.Fleet, context string) error {
	switch {
	case context == "":
		return nil
	case len(f.Spec.Hosts) > 0:
		return &SettingError{Name: "--host-context", Err: fmt.Errorf("the fleet has several hosts, and %s has the context of each: leave the flag out", f.File)}
	}
	f.Spec.Host.Context = context
	return nil
}
