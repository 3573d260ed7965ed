package workspace

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/seal"
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

// hosts are the clusters that a fleet is on.
type hosts struct {
	byName map[string]*Asked
	argocd *Asked
	// several says that there is more than one.
	several bool
}

// openHosts returns the clusters, each of which is asked by its own context.
func openHosts(f *fleet.Fleet, o Options) hosts {
	all, byContext := hosts{byName: map[string]*Asked{}}, map[string]*Asked{}
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
func (w *Workspace) By(a *Asked, err error) error {
	if err == nil || !w.hosts.several {
		return err
	}
	return fmt.Errorf("%s: %w", a.Title, err)
}

// HostOf returns the host that a cluster of the fleet is on.
func (w *Workspace) HostOf(c fleet.Cluster) *Asked { return w.hosts.byName[c.Spec.Host] }

// ArgoCD returns the cluster that Argo CD runs in. The error says that fleet.yaml has no
// way to it.
func (w *Workspace) ArgoCD() (*Asked, error) {
	if w.hosts.argocd == nil {
		return nil, errors.New("spec.argocd.context of fleet.yaml is missing, and Argo CD runs on another cluster than the hosts")
	}
	return w.hosts.argocd, nil
}

// CertificateAt returns the cluster whose controller has a certificate that fleet.yaml
// names. The error says that fleet.yaml has no way to it.
func (w *Workspace) CertificateAt(named fleet.CertificateFile) (*Asked, error) {
	for _, name := range w.Fleet.Spec.HostNames() {
		if w.Fleet.Spec.CertificateOf(name).File == named.File {
			return w.hosts.byName[name], nil
		}
	}
	return w.ArgoCD()
}

// Hosts returns the hosts of the clusters that the run works on, in the order of their
// names, each once.
func (w *Workspace) Hosts() []*Asked {
	used := map[*Asked]bool{}
	for _, c := range w.Clusters {
		used[w.HostOf(c)] = true
	}
	return slices.DeleteFunc(w.EveryHost(), func(a *Asked) bool { return !used[a] })
}

// EveryHost returns the hosts in fleet.yaml, also those on which no cluster is, in the
// order of their names, each once.
func (w *Workspace) EveryHost() []*Asked {
	var all []*Asked
	for _, name := range w.Fleet.Spec.HostNames() {
		if a := w.hosts.byName[name]; !slices.Contains(all, a) {
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

// CertificateOf returns the sealing certificate of a cluster's host; nil where there is
// none that is good.
func (w *Workspace) CertificateOf(c fleet.Cluster) *seal.Certificate {
	return w.Certificates[w.Fleet.Spec.CertificateOf(c.Spec.Host).File]
}

// ArgoCDCertificate returns the sealing certificate of the cluster that Argo CD runs in;
// nil where there is none that is good.
func (w *Workspace) ArgoCDCertificate() *seal.Certificate {
	return w.Certificates[w.Fleet.Spec.ArgoCDCertificate().File]
}

// refuse leaves out what is found about a certificate that cannot seal and is of one host
// among several: Refused has it.
func (w *Workspace) refuse(found map[string]finding.List) {
	w.refused = map[string]finding.List{}
	for file, findings := range found {
		if len(w.Fleet.Spec.HostNames()) > 1 && w.Certificates[file] == nil && file != w.Fleet.Spec.ArgoCDCertificate().File {
			w.refused[file] = findings
			delete(found, file)
		}
	}
}

// inOrder joins what is found about certificates, in the order in which they are named.
func (w *Workspace) inOrder(found map[string]finding.List) finding.List {
	var all finding.List
	for _, named := range w.Fleet.Spec.Certificates() {
		all = append(all, found[named.File]...)
	}
	return all
}

// Refused returns what is wrong with the sealing certificate of a cluster's host, if
// nothing can be sealed with it, at its place in fleet.yaml.
func (w *Workspace) Refused(c fleet.Cluster) finding.List {
	found := slices.Clone(w.refused[w.Fleet.Spec.CertificateOf(c.Spec.Host).File])
	for i := range found {
		found[i].Cluster = c.Name
	}
	return found
}

// RenderedSealer returns what seals the Secrets that the cluster's chart renders, for its
// host. What was sealed for another host is sealed anew.
func (w *Workspace) RenderedSealer(c fleet.Cluster, lock *lockfile.Lock, change ...func(*seal.Options)) *seal.Sealer {
	moved := lock != nil && lock.Host.Name != c.Spec.Host
	return w.sealer(c, lock, w.Fleet.Spec.CertificateOf(c.Spec.Host), moved, change)
}

// RegistrationSealer returns what seals the cluster's registration, for the cluster that
// Argo CD runs in.
func (w *Workspace) RegistrationSealer(c fleet.Cluster, lock *lockfile.Lock, change ...func(*seal.Options)) *seal.Sealer {
	return w.sealer(c, lock, w.Fleet.Spec.ArgoCDCertificate(), false, change)
}

// sealer returns what seals with the named certificate. moved says that the lock is of
// another host: whatever certificate it knows is none of this cluster's.
func (w *Workspace) sealer(c fleet.Cluster, lock *lockfile.Lock, named fleet.CertificateFile, moved bool, change []func(*seal.Options)) *seal.Sealer {
	own := w.Certificates[named.File]
	o := seal.Options{
		Tool: w.Toolchain, Certificate: own, Named: named, Key: w.Key, Now: time.Now(), MaxAge: named.MaxAge,
		Recorded: func(file string) string { return w.Recorded(lock, file) },
		Foreign: func(fingerprint string) bool {
			if own == nil || own.Fingerprint == fingerprint || moved {
				return own != nil && own.Fingerprint != fingerprint
			}
			for _, other := range w.Certificates {
				if other.Fingerprint == fingerprint {
					return true
				}
			}
			return false
		},
	}
	if w.Trust.Signs() {
		o.Unsigned = func(file string, data []byte) bool {
			_, why := w.Trust.Vouched(c.Name, file, lock, data)
			return why != ""
		}
	}
	for _, f := range change {
		f(&o)
	}
	return seal.New(o)
}
