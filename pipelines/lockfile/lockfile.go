// Package lockfile is the format of lock.yaml and fleet.lock.yaml, and nothing else:
// who reads and writes them is tree.
package lockfile

import (
	"fmt"

	"go.yaml.in/yaml/v2"

	"kasou/pipelines/manifest"
)

// LockVersion and LockKind head every lock.yaml.
const (
	LockVersion = "kasou/v1"
	LockKind    = "Lock"
)

// Lock is clusters/NAME/lock.yaml: what a cluster's files were made from, and
// which files are kasou's. Its fields stand in the order of their keys, in which
// they are written.
type Lock struct {
	APIVersion string `yaml:"apiVersion"`
	// Chart pins the chart.
	Chart ChartLock `yaml:"chart"`
	// ClusterScoped are the kinds without a namespace among the cluster's objects,
	// GROUP/KIND, sorted: what the AppProject has to let through.
	ClusterScoped []string `yaml:"clusterScoped,omitempty"`
	// Files holds the digest of each generated file but lock.yaml itself, by
	// path from the clusters folder.
	Files map[string]string `yaml:"files,omitempty"`
	// Host is what the host cluster was asked for.
	Host HostLock `yaml:"host,omitempty"`
	// Inputs is the digest of everything the files were made from: spec, fleet
	// and chart. Where it is the same, the files must be.
	Inputs string `yaml:"inputs,omitempty"`
	Kind   string `yaml:"kind"`
	// Replaced holds, while Writing, the digests that files had which are being
	// replaced: each of them is that one or the one in Files.
	Replaced map[string]string `yaml:"replaced,omitempty"`
	// ReplacedSealed is the same for the statements in Sealed.
	ReplacedSealed map[string]SealLock `yaml:"replacedSealed,omitempty"`
	// Sealed holds what whoever sealed a file signed of it, by the file's path
	// from the clusters folder.
	Sealed map[string]SealLock `yaml:"sealed,omitempty"`
	// Writing is true while the files are being replaced: when it stands on
	// disk, a build was cut off, and the next one finishes its work.
	Writing bool `yaml:"writing,omitempty"`

	// Text is the digest of the bytes that Parse read: two locks that say the
	// same may differ in a comment or in their form.
	Text string `yaml:"-"`
}

// HostLock is what kasou once learnt from the host cluster and holds on to.
type HostLock struct {
	// Name of the host in fleet.yaml; empty for the fleet's single host.
	Name string `yaml:"name,omitempty"`
	// ServiceCIDR is the answer for a spec that says auto.
	ServiceCIDR string `yaml:"serviceCIDR,omitempty"`
}

// SealLock is the signed statement about one sealed file, in the open. The
// cluster, the path and the digest that are signed, too, are the lock's.
type SealLock struct {
	// CA is the fingerprint of the CA in a registration.
	CA string `yaml:"ca,omitempty"`
	// Certificate is the fingerprint of the sealing certificate.
	Certificate string `yaml:"certificate,omitempty"`
	// Kind is registration, or rendered.
	Kind string `yaml:"kind"`
	// NotAfter is when the credential in a registration ends: UTC, RFC 3339.
	NotAfter string `yaml:"notAfter,omitempty"`
	// Presented is the server in the kubeconfig that a registration was made from,
	// and Server the one that Argo CD dials.
	Presented string `yaml:"presented,omitempty"`
	// Serial only grows.
	Serial uint64 `yaml:"serial"`
	Server string `yaml:"server,omitempty"`
	// Signature is Ed25519's, in base64.
	Signature string `yaml:"signature"`
	// Spec is the digest of what the spec made of a registration, in the open.
	Spec string `yaml:"spec,omitempty"`
}

// The kinds of a SealLock.
const (
	SealedRegistration = "registration"
	SealedRendered     = "rendered"
)

// ChartLock pins a chart by the digest of its archive.
type ChartLock struct {
	Digest     string `yaml:"digest,omitempty"`
	Name       string `yaml:"name,omitempty"`
	Path       string `yaml:"path,omitempty"`
	Repository string `yaml:"repository,omitempty"`
	Version    string `yaml:"version,omitempty"`
}

// Parse reads a lock.yaml. It fails on unknown keys and on a format of
// another version.
func Parse(data []byte) (*Lock, error) {
	l := &Lock{}
	if err := yaml.UnmarshalStrict(data, l); err != nil {
		return nil, err
	}
	if l.APIVersion != LockVersion || l.Kind != LockKind {
		return nil, fmt.Errorf("apiVersion %q, kind %q: this kasou reads %s, %s", l.APIVersion, l.Kind, LockVersion, LockKind)
	}
	l.Text = manifest.Digest(data)
	return l, nil
}

// Claims reports whether data is what the lock says that kasou wrote at p, a path
// from the clusters folder.
func (l Lock) Claims(p string, data []byte) bool {
	digest, listed := l.Files[p]
	if listed && manifest.HasDigest(data, digest) {
		return true
	}
	digest, listed = l.Replaced[p]
	return listed && l.Writing && manifest.HasDigest(data, digest)
}

// Recorded returns the digest that the lock has for a file, whose path is from the clusters
// folder; empty where it has none, and where l is nil.
func (l *Lock) Recorded(p string) string {
	if l == nil {
		return ""
	}
	return l.Files[p]
}

// Marshal returns the lock as YAML, keys sorted.
func (l Lock) Marshal() ([]byte, error) {
	l.APIVersion, l.Kind = LockVersion, LockKind
	data, err := yaml.Marshal(l)
	if err != nil {
		return nil, err
	}
	return append([]byte(head+"\n"), data...), nil
}

// head is the first line of every lock.
const head = "# Written by kasou. Do not edit."
