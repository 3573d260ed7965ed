package workspace

import (
	"maps"
	"slices"
	"time"

	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/seal"
)

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
	own := w.Certificates[named.File]
	o := seal.Options{
		Tool: w.Toolchain, Certificate: own, Named: named, Key: w.Key, Now: time.Now(), MaxAge: named.MaxAge,
		Recorded: func(file string) string { return w.Recorded(lock, file) },
		Foreign: func(fingerprint string) bool {
			if own == nil || own.Fingerprint == fingerprint || moved {
				return own != nil && own.Fingerprint != fingerprint
			}
			is := func(c *seal.Certificate) bool { return c.Fingerprint == fingerprint }
			return slices.ContainsFunc(slices.Collect(maps.Values(w.Certificates)), is)
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
