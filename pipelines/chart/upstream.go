package chart

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/Masterminds/semver/v3"
	"go.yaml.in/yaml/v3"
	orascontent "oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"

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
		newer := newerThan(ref.Version, versions)
		if isOCI(ref.Repository) {
			return s.registryUpstream(ctx, ref, newer)
		}
		return s.repositoryUpstream(ctx, ref, newer)
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

func (s *Store) repositoryUpstream(ctx context.Context, ref fleet.Chart, newer []Release) (Upstream, error) {
	index, err := s.index(ctx, ref.Repository)
	if err != nil {
		return Upstream{}, err
	}
	entry, problem := index.find(ref)
	if problem != nil {
		return Upstream{}, problem
	}
	for i := range newer {
		later := ref
		later.Version = newer[i].Version
		if found, problem := index.find(later); problem == nil {
			newer[i].Security = fixesSecurity(found.Annotations)
		}
	}
	up := Upstream{Digest: entry.promised(), Newer: newer}
	if up.Digest != "" {
		return up, nil
	}
	target, problem := entry.target(ref)
	if problem != nil {
		return Upstream{}, problem
	}
	got, err := s.archiveAt(ctx, target, ref)
	up.Digest = got.chart.Digest
	return up, err
}

func (s *Store) registryUpstream(ctx context.Context, ref fleet.Chart, newer []Release) (Upstream, error) {
	at := ociReference{
		repository: strings.TrimPrefix(strings.TrimRight(ref.Repository, "/"), "oci://") + "/" + ref.Name,
		tag:        toTag(ref.Version), ref: ref,
	}
	up := Upstream{Newer: newer}
	err := s.inRegistry(ctx, at.repository, func(ctx context.Context, repository *remote.Repository) error {
		descriptor, body, err := repository.Manifests().FetchReference(ctx, at.tag)
		if err != nil {
			return err
		}
		layer, err := s.chartLayer(ctx, repository, descriptor, body, at, true)
		if err != nil {
			return err
		}
		up.Digest = layer.Digest.String()
		for i := range up.Newer[:min(len(up.Newer), maxAnnotated)] {
			up.Newer[i].Security = fixesSecurity(annotationsOf(ctx, repository, toTag(up.Newer[i].Version)))
		}
		return nil
	})
	switch code := statusCode(err); {
	case errors.Is(err, errdef.ErrNotFound) || code == http.StatusNotFound:
		versions, _ := s.ociVersions(ctx, ref)
		return Upstream{}, noSuchVersion(ref, versions)
	case code >= 400 && !transient(err):
		return Upstream{}, refused("oci://"+at.repository, code)
	}
	return up, err
}

// annotationsOf gives the annotations of a tag's manifest, where Helm puts
// those of Chart.yaml; nil where it cannot be read: what is asked of it is said
// only where the publisher says so.
func annotationsOf(ctx context.Context, repository *remote.Repository, tag string) any {
	descriptor, body, err := repository.Manifests().FetchReference(ctx, tag)
	if err != nil {
		return nil
	}
	defer body.Close()
	if descriptor.Size > maxManifest {
		return nil
	}
	data, err := orascontent.ReadAll(io.LimitReader(body, maxManifest), descriptor)
	var manifest struct {
		Annotations any `json:"annotations"`
	}
	if err != nil || json.Unmarshal(data, &manifest) != nil {
		return nil
	}
	return manifest.Annotations
}

// fixesSecurity reads Artifact Hub's annotations:
// https://artifacthub.io/docs/topics/annotations/helm/. They come from outside
// and can have any shape.
func fixesSecurity(annotations any) bool {
	all, _ := annotations.(map[string]any)
	switch said := all["artifacthub.io/containsSecurityUpdates"].(type) {
	case bool:
		if said {
			return true
		}
	case string:
		if strings.EqualFold(strings.TrimSpace(said), "true") {
			return true
		}
	}
	text, _ := all["artifacthub.io/changes"].(string)
	var changes []any
	if yaml.Unmarshal([]byte(text), &changes) != nil {
		return false
	}
	for _, change := range changes {
		if fields, ok := change.(map[string]any); ok && fields["kind"] == "security" {
			return true
		}
	}
	return false
}
