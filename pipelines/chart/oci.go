package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	orascontent "oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"

	"kasou/pipelines/fleet"
)

const (
	maxManifest = 4 << 20
	maxTags     = 100_000
)

// How Helm marks a chart in a registry: constants.go of its pkg/registry, which
// a test holds them against. The older one is what Helm 3.5 and before wrote.
const (
	ociScheme     = "oci"
	chartLayer    = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
	oldChartLayer = "application/tar+gzip"
)

func isOCI(repository string) bool { return strings.HasPrefix(repository, ociScheme+"://") }

// ociReference is a tag of a repository in a registry, and the chart that the
// spec wants from there.
type ociReference struct {
	repository, tag string
	ref             fleet.Chart
}

// ociClient authenticates with the credentials of Helm and Docker.
type ociClient = *auth.Client

// toTag gives the tag of a version: tags know no plus sign, Helm writes _.
func toTag(version string) string { return strings.ReplaceAll(version, "+", "_") }

func fromTag(tag string) string { return strings.ReplaceAll(tag, "_", "+") }

// indexedReference is for an index.yaml that points into a registry:
// oci://host/path:tag.
func indexedReference(target *url.URL, ref fleet.Chart) ociReference {
	repository := target.Host + target.Path
	tag := toTag(ref.Version)
	if i := strings.LastIndex(repository, ":"); i > strings.LastIndex(repository, "/") {
		repository, tag = repository[:i], repository[i+1:]
	}
	return ociReference{repository: repository, tag: tag, ref: ref}
}

// newOCIClient reads the credentials as Helm does: its own file, then Docker's.
func (s *Store) newOCIClient() (ociClient, error) {
	options := credentials.StoreOptions{DetectDefaultNativeStore: true}
	var store credentials.Store
	store, err := credentials.NewStore(s.config.registries, options)
	if err != nil {
		return nil, unreadableConfig(s.config.registries, errors.New("it is not a registry configuration"))
	}
	if docker, err := credentials.NewStoreFromDocker(options); err == nil {
		store = credentials.NewStoreWithFallbacks(store, docker)
	}
	client := &auth.Client{
		Client:     &http.Client{Transport: newTransport(nil), CheckRedirect: checkRedirect},
		Cache:      auth.NewCache(),
		Credential: credentials.Credential(store),
	}
	client.SetUserAgent("kasou")
	return client, nil
}

// inRegistry does work on the repository, with retries. A registry on this
// machine may speak plain http, as `helm --plain-http` allows; no other may.
func (s *Store) inRegistry(ctx context.Context, name string, work func(context.Context, *remote.Repository) error) error {
	client, err := s.oci.do(ctx, "client", func(context.Context) (ociClient, error) { return s.newOCIClient() })
	if err != nil {
		return err
	}
	repository, err := remote.NewRepository(name)
	if err != nil {
		return &Problem{
			Rule: RuleRepository, Field: "repository",
			Message: fmt.Sprintf("oci://%s is not a repository of a registry", name),
			Hint:    "Write oci://HOST/PATH in lower case, without the chart's name and without a tag.",
		}
	}
	repository.Client = client
	attempt := func(ctx context.Context) error { return work(ctx, repository) }
	err = s.retries.do(ctx, "oci://"+name, attempt)
	if errors.Is(err, http.ErrSchemeMismatch) {
		if !loopback(repository.Reference.Host()) {
			return plainRegistry(name)
		}
		repository.PlainHTTP = true
		err = s.retries.do(ctx, "oci://"+name, attempt)
	}
	return err
}

func plainRegistry(name string) *Problem {
	return &Problem{
		Rule: RuleRepository, Field: "repository",
		Message: fmt.Sprintf("the registry of oci://%s speaks plain http", name),
		Hint:    "Serve it over https; kasou speaks plain http only to a registry on this machine.",
	}
}

func loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// pull gives a chart of a registry. The digest of its layer is the archive's.
func (s *Store) pull(ctx context.Context, at ociReference) (_ content, err error) {
	var archive []byte
	err = s.inRegistry(ctx, at.repository, func(ctx context.Context, repository *remote.Repository) error {
		archive, err = s.pullOnce(ctx, repository, at)
		return err
	})
	switch code := statusCode(err); {
	case errors.Is(err, errdef.ErrNotFound) || code == http.StatusNotFound:
		versions, _ := s.ociVersions(ctx, at.ref)
		return content{}, noSuchVersion(at.ref, versions)
	case code >= 400 && !transient(err):
		return content{}, refused("oci://"+at.repository, code)
	case err != nil:
		return content{}, err
	}
	return s.keep(archive, sourceOf(at.ref))
}

func (s *Store) pullOnce(ctx context.Context, repository *remote.Repository, at ociReference) ([]byte, error) {
	descriptor, body, err := repository.Manifests().FetchReference(ctx, at.tag)
	if err != nil {
		return nil, err
	}
	layer, err := s.chartLayer(ctx, repository, descriptor, body, at, true)
	if err != nil {
		return nil, err
	}
	if layer.Size > s.limits.Compressed {
		return nil, tooLarge("the chart in oci://"+at.repository+":"+at.tag, s.limits.Compressed)
	}
	blob, err := repository.Blobs().Fetch(ctx, layer)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return orascontent.ReadAll(blob, layer)
}

// chartLayer reads a manifest and gives its chart's layer. In an index of
// manifests it looks at each.
func (s *Store) chartLayer(ctx context.Context, repository *remote.Repository, descriptor ocispec.Descriptor, body io.ReadCloser, at ociReference, descend bool) (ocispec.Descriptor, error) {
	defer body.Close()
	shown := "oci://" + at.repository + ":" + at.tag
	if descriptor.Size > maxManifest {
		return ocispec.Descriptor{}, tooLarge("the manifest of "+shown, maxManifest)
	}
	data, err := orascontent.ReadAll(body, descriptor)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	var manifest struct {
		Layers    []ocispec.Descriptor `json:"layers"`
		Manifests []ocispec.Descriptor `json:"manifests"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		return ocispec.Descriptor{}, notAChart(shown, "name", "its manifest is not JSON")
	}
	for _, layer := range manifest.Layers {
		if layer.MediaType == chartLayer || layer.MediaType == oldChartLayer {
			return layer, nil
		}
	}
	if descend {
		return s.layerOfAny(ctx, repository, manifest.Manifests, at)
	}
	return ocispec.Descriptor{}, notAChart(shown, "name", "it has no layer of type %s", chartLayer)
}

// layerOfAny looks for the chart in the manifests of an index.
func (s *Store) layerOfAny(ctx context.Context, repository *remote.Repository, manifests []ocispec.Descriptor, at ociReference) (ocispec.Descriptor, error) {
	var problem *Problem
	for _, descriptor := range manifests[:min(len(manifests), 20)] {
		body, err := repository.Manifests().Fetch(ctx, descriptor)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		layer, err := s.chartLayer(ctx, repository, descriptor, body, at, false)
		if !errors.As(err, &problem) {
			return layer, err
		}
	}
	return ocispec.Descriptor{}, notAChart("oci://"+at.repository+":"+at.tag, "name", "it has no layer of type %s", chartLayer)
}

// ociVersions gives the chart's tags as versions, once for each repository.
func (s *Store) ociVersions(ctx context.Context, ref fleet.Chart) ([]string, error) {
	name := strings.TrimPrefix(strings.TrimRight(ref.Repository, "/"), "oci://") + "/" + ref.Name
	return s.tags.do(ctx, name, func(ctx context.Context) ([]string, error) {
		var versions []string
		err := s.inRegistry(ctx, name, func(ctx context.Context, repository *remote.Repository) error {
			versions = nil
			return repository.Tags(ctx, "", func(tags []string) error {
				for _, tag := range tags {
					versions = append(versions, fromTag(tag))
				}
				if len(versions) > maxTags {
					return tooLarge("the list of tags of oci://"+name, maxTags)
				}
				return nil
			})
		})
		if code := statusCode(err); code >= 400 && !transient(err) {
			return nil, refused("oci://"+name, code)
		}
		return versions, err
	})
}
