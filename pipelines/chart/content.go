package chart

import (
	"fmt"
	"strings"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// content is a chart at hand: scanned, its Chart.yaml read.
type content struct {
	chart toolchain.Chart
	// uncached is why the archive could not be kept in the cache.
	uncached error
}

// open scans an archive and reads its Chart.yaml. digest is "" where it is the
// archive's own. The error is a *Problem.
func open(archive []byte, limits Limits, digest, source, field string) (content, error) {
	chartYAML, err := scan(archive, limits)
	if err != nil {
		return content{}, &Problem{
			Rule: RuleArchive, Field: field,
			Message: fmt.Sprintf("kasou does not open the archive of %s: %v", source, err),
			Hint:    "Ask whoever made the chart for an archive as `helm package` writes it.",
		}
	}
	metadata, problem := readMetadata(chartYAML, source, field)
	if problem != nil {
		return content{}, problem
	}
	if digest == "" {
		digest = manifest.Digest(archive)
	}
	return content{chart: toolchain.Chart{
		Name: metadata.Name, Version: metadata.Version,
		Digest: digest, Archive: archive, Source: source,
	}}, nil
}

// readMetadata reads a Chart.yaml as Helm does, and refuses what Helm would
// not install.
func readMetadata(chartYAML []byte, source, field string) (*helmchart.Metadata, *Problem) {
	if chartYAML == nil {
		return nil, notAChart(source, field, "it has no Chart.yaml")
	}
	var metadata helmchart.Metadata
	if err := yaml.Unmarshal(chartYAML, &metadata); err != nil {
		return nil, notAChart(source, field, "its Chart.yaml cannot be read: %v", err)
	}
	if metadata.APIVersion == "" {
		metadata.APIVersion = helmchart.APIVersionV1
	}
	if metadata.APIVersion != helmchart.APIVersionV1 && metadata.APIVersion != helmchart.APIVersionV2 {
		return nil, notAChart(source, field, "its Chart.yaml has apiVersion %q, not v1 or v2", metadata.APIVersion)
	}
	if err := metadata.Validate(); err != nil {
		return nil, notAChart(source, field, "its Chart.yaml is not valid: %v", err)
	}
	if metadata.Type == "library" {
		return nil, notAChart(source, field, "%s is a library chart, which renders nothing", metadata.Name)
	}
	return &metadata, nil
}

// mismatch returns a problem where the chart is another than the spec asks for.
// A path asks for nothing.
func mismatch(ref fleet.Chart, ch toolchain.Chart) *Problem {
	if ref.Path != "" || (ch.Name == ref.Name && sameVersion(ch.Version, ref.Version)) {
		return nil
	}
	field := "version"
	if ch.Name != ref.Name {
		field = "name"
	}
	return &Problem{
		Rule: RuleMismatch, Field: field,
		Message: fmt.Sprintf("%s holds the chart %s %s, but %s %s was asked for", ch.Source, ch.Name, ch.Version, ref.Name, ref.Version),
		Hint:    "The repository is wrong about this chart: tell its owner, or name what is really there.",
	}
}

// sameVersion compares without the leading v that Helm does not care about.
func sameVersion(a, b string) bool {
	return strings.TrimPrefix(a, "v") == strings.TrimPrefix(b, "v")
}
