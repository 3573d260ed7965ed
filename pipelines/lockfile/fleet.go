package lockfile

import (
	"fmt"

	"sigs.k8s.io/yaml"
)

// FleetLockKind is the kind of the lock that is one for all clusters.
const FleetLockKind = "FleetLock"

// FleetLock is clusters/fleet.lock.yaml: with what all clusters were built.
type FleetLock struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Tools are the versions of helm, kubeseal and kubeconform.
	Tools map[string]string `json:"tools,omitempty"`
	// Schemas are the versions or digests of the schema bundles, by name.
	Schemas map[string]string `json:"schemas,omitempty"`
	// Files holds the digest of each generated file that is one for all, by path
	// from the clusters folder.
	Files map[string]string `json:"files,omitempty"`
}

// ParseFleet reads a fleet.lock.yaml. It fails on unknown keys and on a
// format of another version.
func ParseFleet(data []byte) (*FleetLock, error) {
	var l FleetLock
	if err := yaml.UnmarshalStrict(data, &l); err != nil {
		return nil, err
	}
	if l.APIVersion != LockVersion || l.Kind != FleetLockKind {
		return nil, fmt.Errorf("apiVersion %q, kind %q: this kasou reads %s, %s", l.APIVersion, l.Kind, LockVersion, FleetLockKind)
	}
	return &l, nil
}

// Marshal returns the lock as YAML, keys sorted.
func (l FleetLock) Marshal() ([]byte, error) {
	l.APIVersion, l.Kind = LockVersion, FleetLockKind
	data, err := yaml.Marshal(l)
	if err != nil {
		return nil, err
	}
	return append([]byte(head+"\n"), data...), nil
}
