package chart

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"

	"kasou/pipelines/fleet"
)

// maxAnnotated bounds how many newer versions a registry is asked for one by
// one; an index.yaml has all of them at once.
const maxAnnotated = 20

// Upstream is what a chart's source says today.
type Upstream struct {
	// Digest of the archive that the source has under the version; empty for a
	// path.
	Digest string
	// Newer are the newer versions, newest first.
	Newer []Release
}

// Release is one version of a chart at its source.
type Release struct {
	Version string
	// Security says that its publisher calls it a security fix, by Artifact
	// Hub's annotations. false says nothing: most publishers annotate nothing.
	Security bool
}

// Upstream asks the chart's source anew, whatever the cache has: for the
// digest under the version that the spec names, and for newer versions. An
// archive is only downloaded where the source tells no digest. The error may be
// a *Problem: RuleNotFound where the version is gone.
func (s *Store) Upstream(ctx context.Context, ref fleet.Chart) (Upstream, error) {
	if ref.Path != "" {
		return Upstream{}, nil
	}
	if problem := checkRepository(ref.Repository); problem != nil {
		return Upstream{}, problem
	}
	key := strings.Join([]string{normalURL(ref.Repository), ref.Name, ref.Version}, " ")
	return s.upstreams.do(ctx, key, func(ctx context.Context) (Upstream, error) {
		versions, err := s.Versions(ctx, ref)
		if err != nil {
			return Upstream{}, err
		}
		source, up := s.source(ref), Upstream{Newer: newerThan(ref.Version, versions)}
		found, err := source.find(ctx, ref)
		if err != nil {
			return Upstream{}, err
		}
		source.mark(ctx, ref, up.Newer)
		if up.Digest = found.digest; up.Digest == "" {
			got, err := s.accept(ctx, ref, found)
			up.Digest = got.chart.Digest
			return up, err
		}
		return up, nil
	})
}

// newerThan keeps the versions after current, in their order.
func newerThan(current string, versions []string) []Release {
	var newer []Release
	at, err := semver.NewVersion(current)
	if err != nil {
		return nil
	}
	for _, version := range versions {
		if parsed, err := semver.NewVersion(version); err == nil && parsed.GreaterThan(at) {
			newer = append(newer, Release{Version: version})
		}
	}
	return newer
}

// fixesSecurity reads Artifact Hub's annotations:
// https://artifacthub.io/docs/topics/annotations/helm/. They come from outside
// and can have any shape.
func fixesSecurity(annotations any) bool {
	all, _ := annotations.(map[string]any)
	if said := all["artifacthub.io/containsSecurityUpdates"]; strings.EqualFold(strings.TrimSpace(fmt.Sprint(said)), "true") {
		return true
	}
	text, _ := all["artifacthub.io/changes"].(string)
	var changes []any
	if yaml.Unmarshal([]byte(text), &changes) != nil {
		return false
	}
	return slices.ContainsFunc(changes, func(change any) bool {
		fields, _ := change.(map[string]any)
		return fields["kind"] == "security"
	})
}
