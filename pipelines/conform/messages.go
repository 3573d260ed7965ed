package conform

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kasou/pipelines/conform/bundle"
)

var (
	number = regexp.MustCompile(`^[0-9]+$`)
	plain  = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
)

// field writes a path as people do: spec.containers[0].image.
func field(path []string) string {
	var b strings.Builder
	for _, step := range path {
		switch {
		case number.MatchString(step):
			fmt.Fprintf(&b, "[%s]", step)
		case !plain.MatchString(step):
			fmt.Fprintf(&b, "[%q]", step)
		case b.Len() == 0:
			b.WriteString(step)
		default:
			b.WriteString("." + step)
		}
	}
	return b.String()
}

// unknownKind says what to do about a kind without schema: in one of
// Kubernetes' own groups, it is the version that does not fit.
func unknownKind(o object, version string) (message, hint string) {
	apiVersion, kind := o.Head.APIVersion, o.Head.Kind
	if ownGroup(apiVersion, version) {
		return fmt.Sprintf("Kubernetes %s has no %s %s", version, apiVersion, kind),
			"Take a chart version made for this Kubernetes, or correct spec.host.kubernetesVersion in fleet.yaml."
	}
	return fmt.Sprintf("no schema for %s %s", apiVersion, kind),
		"Add it to spec.schemas in fleet.yaml: its CustomResourceDefinition in YAML, a JSON schema file named " +
			"kind-group-version.json, or a folder of either."
}

// ownGroup reports whether an API group is Kubernetes' own.
func ownGroup(apiVersion, version string) bool {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return true
	}
	name, _, err := choose(version)
	if err != nil {
		return false
	}
	b, err := bundle.Load(name)
	return err == nil && slices.ContainsFunc(b.Kinds, func(k bundle.Kind) bool { return k.Group == group })
}
