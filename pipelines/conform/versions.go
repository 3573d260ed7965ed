package conform

import (
	"kasou/pipelines/conform/bundle"
)

// Versions returns the digest of each schema bundle of this binary that a fleet
// with hosts of those Kubernetes versions is validated with, by the bundle's name:
// kubernetes-1.34, custom, extensions.
func Versions(kubernetesVersions ...string) (map[string]string, error) {
	entries, err := bundle.Manifest()
	if err != nil {
		return nil, err
	}
	versions := map[string]string{}
	for _, name := range []string{bundle.Custom, bundle.Extensions} {
		versions[name] = entries[name].Content
	}
	for _, version := range kubernetesVersions {
		name, _, err := choose(version)
		if err != nil {
			return nil, err
		}
		if entry, ok := entries[name]; ok {
			versions["kubernetes-"+name] = entry.Content
		}
	}
	return versions, nil
}
