package fleet

import (
	"encoding/json"
	"fmt"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// Digest returns "sha256:" and the hex SHA-256 of everything that people wrote
// and that shapes the cluster's files: its effective spec, and of the fleet the
// repository, Argo CD's namespace, and its host's destination and Kubernetes
// version. Comments, formatting, and whether a value is the spec's own or a
// default, do not count; nor does what the effective spec has taken over
// already, so that a new project or another default range changes no cluster
// that does not use it.
func (c Cluster) Digest() (string, error) {
	inputs := struct {
		Name        string      `json:"name"`
		Spec        ClusterSpec `json:"spec"`
		Repository  Repository  `json:"repository"`
		Namespace   string      `json:"namespace"`
		Destination string      `json:"destination"`
		// DestinationName is left out where the destination is a server, as before there
		// were names.
		DestinationName   string `json:"destinationName,omitempty"`
		KubernetesVersion string `json:"kubernetesVersion"`
		// Sharers decide who writes the namespace that they share.
		Sharers []string `json:"sharers,omitempty"`
		// Helm is left out where it is 3, as before there was another.
		Helm toolchain.HelmMajor `json:"helm,omitempty"`
	}{Name: c.Name, Spec: c.Spec}
	inputs.Spec.Class = "" // what it brought is in the rest
	if c.fleet != nil {
		shared := c.fleet.Spec
		inputs.Repository = shared.Repository
		inputs.Namespace = shared.ArgoCD.Namespace
		destination := shared.DestinationOf(c.Spec.Host)
		inputs.Destination, inputs.DestinationName = destination.Server, destination.Name
		inputs.KubernetesVersion = shared.HostOf(c.Spec.Host).KubernetesVersion
		if inputs.Helm = shared.Helm; inputs.Helm != toolchain.Helm4 {
			inputs.Helm = 0
		}
		if c.Spec.ShareNamespace {
			inputs.Sharers = c.fleet.sharers[c.place()]
		}
	}
	data, err := json.Marshal(inputs) // sorts the keys of maps
	if err != nil {
		return "", fmt.Errorf("digest of %s: %w", c.File, err)
	}
	return manifest.Digest(data), nil
}

// findSharers notes who is in the namespaces that are shared.
func (f *Fleet) findSharers() {
	f.sharers = map[place][]string{}
	for i := range f.Clusters {
		if c := &f.Clusters[i]; c.Spec.ShareNamespace {
			f.sharers[c.place()] = nil
		}
	}
	for i := range f.Clusters {
		c := &f.Clusters[i]
		if names, shared := f.sharers[c.place()]; shared {
			f.sharers[c.place()] = append(names, c.Name)
		}
	}
}
