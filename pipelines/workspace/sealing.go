package workspace

import (
	"slices"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/seal"
)

// Certificates are the sealing certificates that fleet.yaml names.
type Certificates struct {
	spec fleet.FleetSpec
	// good are those that can seal, by their files.
	good map[string]*seal.Certificate
	// found is what is to be said of each, by their files.
	found map[string]finding.List
}

func loadCertificates(f *fleet.Fleet, now time.Time) Certificates {
	c := Certificates{spec: f.Spec}
	c.good, c.found = seal.LoadCertificates(f, now)
	return c
}

// In returns the certificate in a file; nil where it is not good.
func (c Certificates) In(named fleet.CertificateFile) *seal.Certificate { return c.good[named.File] }

// Of returns that of a host, by its name; nil where there is none that is good.
func (c Certificates) Of(host string) *seal.Certificate { return c.In(c.spec.CertificateOf(host)) }

// ArgoCD returns that of the cluster that Argo CD runs in; nil where there is none that
// is good.
func (c Certificates) ArgoCD() *seal.Certificate { return c.In(c.spec.ArgoCDCertificate()) }

// Findings returns what is found about all, in the order in which fleet.yaml names them.
func (c Certificates) Findings() finding.List {
	return c.findingsOf(func(fleet.CertificateFile) bool { return true })
}

func (c Certificates) findingsOf(these func(fleet.CertificateFile) bool) finding.List {
	var all finding.List
	for _, named := range c.spec.Certificates() {
		if these(named) {
			all = append(all, c.found[named.File]...)
		}
	}
	return all
}

// refused reports whether a certificate cannot seal, and is of single hosts among several.
func (c Certificates) refused(named fleet.CertificateFile) bool {
	return c.In(named) == nil && len(c.spec.HostNames()) > 1 && named.File != c.spec.ArgoCDCertificate().File
}

// Shared returns what is found about all certificates but those that Refused has for one
// of the clusters. A certificate that cannot seal and is of none of them is a warning.
func (c Certificates) Shared(clusters []fleet.Cluster) finding.List {
	shared := c.findingsOf(func(named fleet.CertificateFile) bool { return !c.refused(named) })
	unused := c.findingsOf(func(named fleet.CertificateFile) bool {
		return c.refused(named) && !slices.ContainsFunc(clusters, func(cluster fleet.Cluster) bool {
			return c.spec.CertificateOf(cluster.Spec.Host).File == named.File
		})
	})
	for i := range unused {
		unused[i].Severity = min(unused[i].Severity, finding.Warning)
	}
	return append(shared, unused...)
}

// Refused returns what is wrong with the sealing certificate of a cluster's host, if
// nothing can be sealed with it, at its place in fleet.yaml.
func (c Certificates) Refused(cluster fleet.Cluster) finding.List {
	named := c.spec.CertificateOf(cluster.Spec.Host)
	if !c.refused(named) {
		return nil
	}
	found := slices.Clone(c.found[named.File])
	for i := range found {
		found[i].Cluster = cluster.Name
	}
	return found
}

// RenderedSealer returns what seals the Secrets that the cluster's chart renders, for its
// host. What was sealed for another host is sealed anew.
func RenderedSealer(w *Workspace, c fleet.Cluster, lock *lockfile.Lock, change ...func(*seal.Options)) *seal.Sealer {
	moved := lock != nil && lock.Host.Name != c.Spec.Host
	return sealer(w, c, lock, w.Fleet.Spec.CertificateOf(c.Spec.Host), moved, change)
}

// RegistrationSealer returns what seals the cluster's registration, for the cluster that
// Argo CD runs in.
func RegistrationSealer(w *Workspace, c fleet.Cluster, lock *lockfile.Lock, change ...func(*seal.Options)) *seal.Sealer {
	return sealer(w, c, lock, w.Fleet.Spec.ArgoCDCertificate(), false, change)
}

// sealer returns what seals with the named certificate. moved says that the lock is of
// another host: whatever certificate it knows is none of this cluster's.
func sealer(w *Workspace, c fleet.Cluster, lock *lockfile.Lock, named fleet.CertificateFile, moved bool, change []func(*seal.Options)) *seal.Sealer {
	own := w.Certificates.In(named)
	o := seal.Options{
		Tool: w.Toolchain, Certificate: own, Named: named, Key: w.Key, Now: time.Now(), MaxAge: named.MaxAge,
		Recorded: func(file string) string { return lock.Recorded(w.Inside(file)) },
		Foreign: func(fingerprint string) bool {
			if own == nil || own.Fingerprint == fingerprint || moved {
				return own != nil && own.Fingerprint != fingerprint
			}
			for _, other := range w.Certificates.good {
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
