package tree

import (
	"fmt"
	"path"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
)

// FleetLockKind and FleetLockName are the kind and the name of the lock that is
// one for all clusters.
const (
	FleetLockKind = "FleetLock"
	FleetLockName = "fleet.lock.yaml"
)

// FleetLock is clusters/fleet.lock.yaml: with what all clusters were built.
type FleetLock struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	// Tools are the versions of helm, kubeseal and kubeconform.
	Tools map[string]string `json:"tools,omitempty"`
	// Schemas are the versions or digests of the schema bundles, by name.
	Schemas map[string]string `json:"schemas,omitempty"`
}

// ParseFleetLock reads a fleet.lock.yaml. It fails on unknown keys and on a
// format of another version.
func ParseFleetLock(data []byte) (*FleetLock, error) {
	var l FleetLock
	if err := yaml.UnmarshalStrict(data, &l); err != nil {
		return nil, err
	}
	if l.APIVersion != LockVersion || l.Kind != FleetLockKind {
		return nil, fmt.Errorf("apiVersion %q, kind %q: this kasou reads %s, %s", l.APIVersion, l.Kind, LockVersion, FleetLockKind)
	}
	return &l, nil
}

// Marshal gives the lock as YAML, keys sorted.
func (l FleetLock) Marshal() ([]byte, error) {
	l.APIVersion, l.Kind = LockVersion, FleetLockKind
	data, err := yaml.Marshal(l)
	if err != nil {
		return nil, err
	}
	return append([]byte("# Written by kasou. Do not edit.\n"), data...), nil
}

// CompareFleetLock is Compare for fleet.lock.yaml.
func (d *Disk) CompareFleetLock(wanted FleetLock) (Plan, finding.List, error) {
	p := Plan{dir: d.dir}
	v := d.visit()
	defer v.Close()
	at := path.Join(d.dir, FleetLockName)
	data, err := wanted.Marshal()
	if err != nil {
		return p, nil, fmt.Errorf("%s: %w", at, err)
	}
	old, err := v.readMaybe(at)
	if found := obstacleIn(err, ""); found != nil {
		return p, finding.List{*found}, nil
	}
	if err != nil || same(old, data) {
		return p, nil, err
	}
	cause := New
	if _, converted := unconverted(old); converted {
		return p, finding.List{lineEnds(finding.Error, at, "")}, nil
	}
	if old != nil {
		lock, err := ParseFleetLock(old)
		if err != nil {
			return p, finding.List{badLock(at, "", err.Error(), "Restore it from git, or delete it, and run kasou build.")}, nil
		}
		cause = Stale
		if canonical, err := lock.Marshal(); err != nil || !same(canonical, old) {
			cause = HandEdit
		}
	}
	p.add(Change{Path: at, Old: old, New: data, Cause: cause})
	return p, nil, nil
}
