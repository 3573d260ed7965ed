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
	"slices"
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

func (at ociReference) String() string { return "oci://" + at.repository + ":" + at.tag }

// referenceTo returns where the chart that the spec names is.
func referenceTo(ref fleet.Chart) ociReference {
	repository := strings.TrimPrefix(strings.TrimRight(ref.Repository, "/"), "oci://") + "/" + ref.Name
	return ociReference{repository: repository, tag: toTag(ref.Version), ref: ref}
}

// toTag returns the tag of a version: tags know no plus sign, Helm writes _.
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

// registries is the source of charts in OCI registries.
type registries struct {
	settings
	// client authenticates with the credentials of Helm and Docker.
	client func() (*auth.Client, error)
	// tags are the versions by repository.
	tags memo[[]string]
}

// newOCIClient reads the credentials as Helm does: from its own file, then Docker's.
func newOCIClient(file string) (*auth.Client, error) {
	options := credentials.StoreOptions{DetectDefaultNativeStore: true}
	var store credentials.Store
	store, err := credentials.NewStore(file, options)
	if err != nil {
		return nil, unreadableConfig(file, errors.New("it is not a registry configuration"))
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

// do does work on the repository, with retries. A registry on this
// machine may speak plain http, as `helm --plain-http` allows; no other may.
func (r *registries) do(ctx context.Context, name string, work func(context.Context, *remote.Repository) error) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	repository, err := remote.NewRepository(name)
	if err != nil {
		return repositoryProblem(fmt.Sprintf("oci://%s is not a repository of a registry", name),
			"Write oci://HOST/PATH in lower case, without the chart's name and without a tag.")
	}
	repository.Client = client
	attempt := func(ctx context.Context) error { return work(ctx, repository) }
	err = r.retries.do(ctx, "oci://"+name, attempt)
	if errors.Is(err, http.ErrSchemeMismatch) {
		if !loopback(repository.Reference.Host()) {
			return plainRegistry(name)
		}
		repository.PlainHTTP = true
		err = r.retries.do(ctx, "oci://"+name, attempt)
	}
	return err
}

func plainRegistry(name string) *Problem {
	return repositoryProblem(fmt.Sprintf("the registry of oci://%s speaks plain http", name),
		"Serve it over https; kasou speaks plain http only to a registry on this machine.")
}

func loopback(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// find returns the layer that is the chart's archive.
func (r *registries) find(ctx context.Context, ref fleet.Chart) (offer, error) {
	return r.at(ctx, referenceTo(ref))
}

func (r *registries) at(ctx context.Context, at ociReference) (offer, error) {
	var layer ocispec.Descriptor
	err := r.do(ctx, at.repository, func(ctx context.Context, repository *remote.Repository) (err error) {
		layer, err = layerOf(ctx, repository, at)
		return err
	})
	found := offer{download: func(ctx context.Context) ([]byte, error) { return r.pull(ctx, at, layer) }}
	if digest := layer.Digest.String(); strings.HasPrefix(digest, "sha256:") { // OCI has others, too
		found.digest = digest
	}
	return found, r.missing(ctx, at, err)
}

// pull downloads a layer, and verifies its digest.
func (r *registries) pull(ctx context.Context, at ociReference, layer ocispec.Descriptor) (archive []byte, err error) {
	if layer.Size > r.limits.Compressed {
		return nil, tooLarge("the chart in "+at.String(), r.limits.Compressed)
	}
	err = r.do(ctx, at.repository, func(ctx context.Context, repository *remote.Repository) error {
		blob, err := repository.Blobs().Fetch(ctx, layer)
		if err != nil {
			return err
		}
		defer blob.Close()
		archive, err = orascontent.ReadAll(blob, layer)
		return err
	})
	return archive, r.missing(ctx, at, err)
}

// missing returns what to say where the registry has not what was asked for.
func (r *registries) missing(ctx context.Context, at ociReference, err error) error {
	if errors.Is(err, errdef.ErrNotFound) || statusCode(err) == http.StatusNotFound {
		versions, _ := r.versions(ctx, at.ref)
		return noSuchVersion(at.ref, versions)
	}
	return answered("oci://"+at.repository, err)
}

// ociManifest is what kasou reads of a manifest, or of an index of manifests.
type ociManifest struct {
	Layers      []ocispec.Descriptor `json:"layers"`
	Manifests   []ocispec.Descriptor `json:"manifests"`
	Annotations any                  `json:"annotations"`
}

// fetchTag reads the manifest that has a tag.
func fetchTag(ctx context.Context, repository *remote.Repository, at ociReference) (ociManifest, error) {
	descriptor, body, err := repository.Manifests().FetchReference(ctx, at.tag)
	if err != nil {
		return ociManifest{}, err
	}
	return readManifest(descriptor, body, at)
}

func readManifest(descriptor ocispec.Descriptor, body io.ReadCloser, at ociReference) (read ociManifest, err error) {
	defer body.Close()
	if descriptor.Size > maxManifest {
		return read, tooLarge("the manifest of "+at.String(), maxManifest)
	}
	data, err := orascontent.ReadAll(body, descriptor)
	if err != nil {
		return read, err
	}
	if err := json.Unmarshal(data, &read); err != nil {
		return read, notAChart(at.String(), "name", "its manifest is not JSON")
	}
	return read, nil
}

// layerOf returns the chart's layer of a manifest or, in an index of manifests, of the
// first that has one.
func layerOf(ctx context.Context, repository *remote.Repository, at ociReference) (ocispec.Descriptor, error) {
	isChart := func(layer ocispec.Descriptor) bool {
		return layer.MediaType == chartLayer || layer.MediaType == oldChartLayer
	}
	top, err := fetchTag(ctx, repository, at)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	layers := top.Layers
	for _, descriptor := range top.Manifests[:min(len(top.Manifests), 20)] {
		if slices.ContainsFunc(layers, isChart) {
			break
		}
		body, err := repository.Manifests().Fetch(ctx, descriptor)
		if err != nil {
			return ocispec.Descriptor{}, err
		}
		var problem *Problem
		below, err := readManifest(descriptor, body, at)
		if err != nil && !errors.As(err, &problem) {
			return ocispec.Descriptor{}, err
		}
		layers = below.Layers
	}
	if i := slices.IndexFunc(layers, isChart); i >= 0 {
		return layers[i], nil
	}
	return ocispec.Descriptor{}, notAChart(at.String(), "name", "it has no layer of type %s", chartLayer)
}

// versions returns the chart's tags as versions, once for each repository.
func (r *registries) versions(ctx context.Context, ref fleet.Chart) ([]string, error) {
	name := referenceTo(ref).repository
	return r.tags.do(ctx, name, func(ctx context.Context) ([]string, error) {
		var versions []string
		err := r.do(ctx, name, func(ctx context.Context, repository *remote.Repository) error {
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
		return versions, answered("oci://"+name, err)
	})
}

// mark reads the annotations of the newest tags' manifests, where Helm puts those of
// Chart.yaml. What cannot be read says nothing.
func (r *registries) mark(ctx context.Context, ref fleet.Chart, newer []Release) {
	at := referenceTo(ref)
	_ = r.do(ctx, at.repository, func(ctx context.Context, repository *remote.Repository) error {
		for i := range newer[:min(len(newer), maxAnnotated)] {
			at.tag = toTag(newer[i].Version)
			read, err := fetchTag(ctx, repository, at)
			if err != nil && (transient(err) || errors.Is(err, http.ErrSchemeMismatch)) {
				return err
			}
			newer[i].Security = fixesSecurity(read.Annotations)
		}
		return nil
	})
}
