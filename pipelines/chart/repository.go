package chart

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"

	"kasou/pipelines/fleet"
)

// repositoryIndex is what kasou reads of an index.yaml: chart versions by name.
type repositoryIndex map[string][]indexEntry

type indexEntry struct {
	Version string   `yaml:"version" json:"version"`
	URLs    []string `yaml:"urls" json:"urls"`
	// Digest is the hex SHA-256 of the archive, with or without "sha256:".
	Digest string `yaml:"digest" json:"digest"`
	// Annotations of the chart: a map, unless the index is odd.
	Annotations any `yaml:"annotations" json:"annotations"`
}

// promised returns the archive's digest as kasou writes digests; "" where the
// index tells none.
func (entry indexEntry) promised() string {
	digest := strings.ToLower(entry.Digest)
	if digest != "" && !strings.Contains(digest, ":") {
		digest = "sha256:" + digest
	}
	return digest
}

// repositories is the source of charts in http(s) repositories.
type repositories struct {
	settings
	indexes memo[repositoryIndex]
	sites   memo[*site]
	// registries are for an index that points into one.
	registries *registries
}

// find returns what the index has of the chart's version.
func (r *repositories) find(ctx context.Context, ref fleet.Chart) (offer, error) {
	index, err := r.index(ctx, ref.Repository)
	if err != nil {
		return offer{}, err
	}
	entry, problem := index.find(ref)
	if problem != nil {
		return offer{}, problem
	}
	return offer{digest: entry.promised(), download: func(ctx context.Context) ([]byte, error) {
		target, problem := entry.target(ref)
		if problem != nil {
			return nil, problem
		}
		if target.Scheme != ociScheme {
			return r.get(ctx, ref.Repository, target, r.limits.Compressed)
		}
		found, err := r.registries.at(ctx, indexedReference(target, ref))
		if err != nil {
			return nil, err
		}
		return found.download(ctx)
	}}, nil
}

// versions returns those of the chart in the index.
func (r *repositories) versions(ctx context.Context, ref fleet.Chart) ([]string, error) {
	index, err := r.index(ctx, ref.Repository)
	if err != nil {
		return nil, err
	}
	if _, ok := index[ref.Name]; !ok {
		return nil, noSuchChart(ref, index)
	}
	return index.versions(ref.Name), nil
}

// mark reads the annotations in the index.
func (r *repositories) mark(ctx context.Context, ref fleet.Chart, newer []Release) {
	index, _ := r.index(ctx, ref.Repository)
	for i := range newer {
		ref.Version = newer[i].Version
		if found, problem := index.find(ref); problem == nil {
			newer[i].Security = fixesSecurity(found.Annotations)
		}
	}
}

// index returns a repository's index.yaml, fetched once.
func (r *repositories) index(ctx context.Context, repository string) (repositoryIndex, error) {
	return r.indexes.do(ctx, normalURL(repository), func(ctx context.Context) (repositoryIndex, error) {
		target, err := url.Parse(repository)
		if err != nil {
			return nil, err
		}
		target.Path = strings.TrimRight(target.Path, "/") + "/index.yaml"
		target.RawPath = ""
		data, err := r.get(ctx, repository, target, r.limits.Index)
		if err != nil {
			return nil, err
		}
		return parseIndex(data, redact(target.String()))
	})
}

// parseIndex reads YAML, or JSON, which is much faster for a large index.
func parseIndex(data []byte, source string) (repositoryIndex, error) {
	var file struct {
		APIVersion string                  `yaml:"apiVersion" json:"apiVersion"`
		Entries    map[string][]indexEntry `yaml:"entries" json:"entries"`
	}
	unmarshal := yaml.Unmarshal
	if json.Valid(data) {
		unmarshal = json.Unmarshal
	}
	err := unmarshal(data, &file)
	if err == nil && file.APIVersion == "" {
		err = errors.New("no API version specified")
	}
	if err != nil {
		return nil, repositoryProblem(fmt.Sprintf("%s is not the index of a chart repository: %v", source, err),
			"Check the repository's URL; `helm repo add` needs the same one.")
	}
	return file.Entries, nil
}

// find returns the entry of the chart's version, or what there is instead.
func (index repositoryIndex) find(ref fleet.Chart) (indexEntry, *Problem) {
	entries, ok := index[ref.Name]
	if !ok {
		return indexEntry{}, noSuchChart(ref, index)
	}
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, sameVersion} {
		for _, entry := range entries {
			if same(entry.Version, ref.Version) {
				return entry, nil
			}
		}
	}
	return indexEntry{}, noSuchVersion(ref, index.versions(ref.Name))
}

func (index repositoryIndex) versions(name string) []string {
	var versions []string
	for _, entry := range index[name] {
		versions = append(versions, entry.Version)
	}
	return versions
}

// target returns the URL of the archive. Helm takes the first one, so does kasou.
func (entry indexEntry) target(ref fleet.Chart) (*url.URL, *Problem) {
	p := repositoryProblem(fmt.Sprintf("the index of %s gives no usable URL for %s %s", redact(ref.Repository), ref.Name, ref.Version),
		"Ask the repository's owner to publish the index anew.")
	if len(entry.URLs) == 0 {
		return nil, p
	}
	target, err := absoluteURL(ref.Repository, entry.URLs[0])
	if err != nil || target.Host == "" || (target.Scheme != "http" && target.Scheme != "https" && target.Scheme != ociScheme) {
		return nil, p
	}
	if target.Scheme == "http" && strings.HasPrefix(strings.ToLower(ref.Repository), "https:") {
		p.Message += ": it is http where the repository is https"
		return nil, p
	}
	return target, nil
}

// absoluteURL returns the URL of an archive that an index names by a path from the
// repository, or in full. A query of the repository's goes with the path.
func absoluteURL(repository, named string) (*url.URL, error) {
	target, err := url.Parse(named)
	if err != nil || target.IsAbs() {
		return target, err
	}
	base, err := url.Parse(repository)
	if err != nil {
		return nil, err
	}
	base.Path = strings.TrimSuffix(base.Path, "/") + "/"
	if base.RawPath != "" {
		base.RawPath = strings.TrimSuffix(base.RawPath, "/") + "/"
	}
	target = base.ResolveReference(target)
	target.RawQuery = base.RawQuery
	return target, nil
}

// get downloads target, which the repository names, up to limit bytes.
func (r *repositories) get(ctx context.Context, repository string, target *url.URL, limit int64) ([]byte, error) {
	site, err := r.sites.do(ctx, normalURL(repository), func(context.Context) (*site, error) {
		return newSite(repository, r.config)
	})
	if err != nil {
		return nil, err
	}
	var body []byte
	shown := redact(target.String())
	err = r.retries.do(ctx, shown, func(ctx context.Context) error {
		body, err = getOnce(ctx, site.client(target), target, limit)
		return err
	})
	return body, answered(shown, err)
}

func getOnce(ctx context.Context, client *http.Client, target *url.URL, limit int64) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "kasou")
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, &statusError{code: response.StatusCode, retryAfter: retryAfter(response.Header)}
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err == nil && int64(len(body)) > limit {
		return nil, tooLarge(redact(target.String()), limit)
	}
	return body, err
}
