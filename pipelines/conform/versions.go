package conform

import (
	"kasou/pipelines/conform/bundle"
)

// Versions gives the digest of each schema bundle of this binary that a fleet
// with that Kubernetes version is validated with, by the bundle's name:
// kubernetes-1.34, custom, extensions.
func Versions(kubernetesVersion string) (map[string]string, error) {
	entries, err := bundle.Manifest()
	if err != nil {
		return nil, err
	}
	name, _, err := choose(kubernetesVersion)
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, name := range []string{bundle.Custom, bundle.Extensions} {
		versions[name] = entries[name].Content
	}
	if entry, ok := entries[name]; ok {
		versions["kubernetes-"+name] = entry.Content
	}
	return versions, nil
}
