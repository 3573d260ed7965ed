// Package chart gets charts: from http(s) repositories, OCI registries and
// paths in the repo. It pins each by the digest of its archive, keeps archives
// in a content-addressed cache, and scans them before anything loads them. It
// is the only package that downloads.
package chart

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"oras.land/oras-go/v2/registry/remote/auth"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/toolchain"
)

// Store has charts. Within one Store each source is fetched once, whatever
// number of clusters asks. It is safe for concurrent use.
type Store struct {
	root  string
	cache cache
	settings

	contents  memo[content]
	upstreams memo[Upstream]

	repositories *repositories
	registries   *registries
}

// settings are those of a Store and its sources.
type settings struct {
	limits  Limits
	retries retries
	config  configFiles
}

// source is where charts come from over the network. Its errors may be a *Problem.
type source interface {
	// find returns what the source has under the version that the spec names.
	find(ctx context.Context, ref fleet.Chart) (offer, error)
	// versions returns all versions of the chart, in no order.
	versions(ctx context.Context, ref fleet.Chart) ([]string, error)
	// mark sets Security in releases of the chart.
	mark(ctx context.Context, ref fleet.Chart, newer []Release)
}

// offer is an archive at a source.
type offer struct {
	// digest is what the source says that it is, in SHA-256; empty where it does not say.
	digest   string
	download func(context.Context) ([]byte, error)
}

// Option changes a Store.
type Option func(*Store)

// WithCache keeps archives below dir instead of KASOU_CACHE or the user's
// cache folder.
func WithCache(dir string) Option { return func(s *Store) { s.cache.dir = dir } }

// NewStore returns a Store for the repo at root, an absolute path. Where the
// cache and Helm's and Docker's configuration are, the environment says: now,
// not later.
func NewStore(root string, opts ...Option) *Store {
	s := &Store{
		root:  root,
		cache: cache{dir: CacheDir()},
		settings: settings{
			limits:  DefaultLimits,
			retries: retries{timeout: time.Minute, count: 3, pause: 300 * time.Millisecond},
			config:  defaultConfigFiles(),
		},
	}
	for _, option := range opts {
		option(s)
	}
	client := func() (*auth.Client, error) { return newOCIClient(s.config.registries) }
	s.registries = &registries{settings: s.settings, client: sync.OnceValues(client)}
	s.repositories = &repositories{settings: s.settings, registries: s.registries}
	return s
}

// Fetch returns the chart that the cluster's spec names, and its pin. lock is the
// pin of the last build, nil where there is none or a new one is wanted. It
// counts while the spec names the same source; then another digest is a
// finding, and nothing is downloaded where the cache has the archive.
//
// Findings say what a person can mend; where one is an error there is no chart
// and the pin is the one given. The error is for what could not be finished,
// such as a network that stays down.
func (s *Store) Fetch(ctx context.Context, c fleet.Cluster, lock *lockfile.ChartLock) (toolchain.Chart, lockfile.ChartLock, finding.List, error) {
	var old lockfile.ChartLock
	if lock != nil {
		old = *lock
	}
	ref := *c.Spec.Chart
	pinned := ""
	if sameSource(ref, old) {
		pinned = old.Digest
	}
	got, err := s.content(ctx, ref, pinned)
	problem := (*Problem)(nil)
	if err != nil && !errors.As(err, &problem) {
		return toolchain.Chart{}, old, nil, unreached(c, err)
	}
	if problem == nil {
		problem = mismatch(ref, got.chart)
	}
	if problem == nil && pinned != "" && pinned != got.chart.Digest {
		problem = moved(c, got.chart, pinned)
	}
	if problem != nil {
		return toolchain.Chart{}, old, finding.List{problem.Finding(c)}, nil
	}
	pin := lockfile.ChartLock{
		Repository: ref.Repository, Name: ref.Name, Version: ref.Version, Path: ref.Path,
		Digest: got.chart.Digest,
	}
	return got.chart, pin, uncached(c, got), nil
}

// unreached returns why the chart cannot be had, at its source in the spec or the fleet
// file. An interrupt stays what it is.
func unreached(c fleet.Cluster, err error) error {
	field, hint := "repository", "See whether this machine reaches the repository, and run the same command again. A chart that is pinned and in the cache needs no network."
	if c.Spec.Chart.Path != "" {
		field, hint = "path", "See whether the chart can be read, and run the same command again."
	}
	return finding.Placed(c.Finding(finding.Error, "", []string{"spec", "chart", field}, "", hint), err)
}

// sameSource reports whether a pin is of the chart that the spec names.
func sameSource(ref fleet.Chart, pin lockfile.ChartLock) bool {
	if ref.Path != "" || pin.Path != "" {
		return ref.Path != "" && pin.Path != "" && path.Clean(ref.Path) == path.Clean(pin.Path)
	}
	return normalURL(ref.Repository) == normalURL(pin.Repository) && ref.Name == pin.Name && ref.Version == pin.Version
}

func moved(c fleet.Cluster, ch toolchain.Chart, pinned string) *Problem {
	p := &Problem{
		Rule: RuleDigest, Field: "version",
		Message: fmt.Sprintf("%s is now %s, but %s pins %s", ch.Source, ch.Digest, path.Join(path.Dir(c.File), layout.Lock), pinned),
		Hint:    fmt.Sprintf("Somebody replaced the archive of a released version. Find out why; if the new one is right, run `kasou lock %s`.", c.Name),
	}
	if c.Spec.Chart.Path != "" {
		p.Field = "path"
		p.Hint = fmt.Sprintf("The chart was edited since it was pinned. If that is meant, run `kasou lock %s`.", c.Name)
	}
	return p
}

func uncached(c fleet.Cluster, got content) finding.List {
	if got.uncached == nil {
		return nil
	}
	return finding.List{c.Finding(finding.Warning, RuleCache, []string{"spec", "chart"},
		fmt.Sprintf("%s could not be kept in the cache: %v", got.chart.Source, got.uncached),
		"Set KASOU_CACHE to a folder that kasou can write; until then each build downloads the chart.")}
}

// content returns the chart from the path, the cache or the network, in this
// order. pinned is "" where no pin counts.
func (s *Store) content(ctx context.Context, ref fleet.Chart, pinned string) (content, error) {
	if ref.Path != "" {
		return s.contents.do(ctx, "path "+path.Clean(ref.Path), func(ctx context.Context) (content, error) {
			return local(ctx, s.root, ref.Path, s.limits)
		})
	}
	if problem := checkRepository(ref.Repository); problem != nil {
		return content{}, problem
	}
	if pinned != "" {
		if got, err := s.cached(ctx, pinned, sourceOf(ref)); !errors.Is(err, errAbsent) {
			return got, err
		}
	}
	key := strings.Join([]string{"remote", normalURL(ref.Repository), ref.Name, ref.Version}, " ")
	return s.contents.do(ctx, key, func(ctx context.Context) (content, error) {
		found, err := s.source(ref).find(ctx, ref)
		if err != nil {
			return content{}, err
		}
		return s.accept(ctx, ref, found)
	})
}

// source returns that of a chart which has no path.
func (s *Store) source(ref fleet.Chart) source {
	if isOCI(ref.Repository) {
		return s.registries
	}
	return s.repositories
}

// accept returns the chart that a source offers, from the cache where that has it.
func (s *Store) accept(ctx context.Context, ref fleet.Chart, found offer) (content, error) {
	if found.digest != "" {
		if got, err := s.cached(ctx, found.digest, sourceOf(ref)); err == nil {
			return got, nil
		}
	}
	archive, err := found.download(ctx)
	if err != nil {
		return content{}, err
	}
	got, err := s.keep(archive, sourceOf(ref))
	if err == nil && found.digest != "" && got.chart.Digest != found.digest {
		return content{}, &Problem{
			Rule: RuleIndexDigest, Field: "version",
			Message: fmt.Sprintf("the archive of %s is %s, but its index.yaml promises %s", sourceOf(ref), got.chart.Digest, found.digest),
			Hint:    "The repository is broken, or somebody changed the archive: ask its owner to publish the index anew.",
		}
	}
	return got, err
}

// cached returns the archive from the cache; errAbsent where it is not there.
func (s *Store) cached(ctx context.Context, digest, source string) (content, error) {
	got, err := s.contents.do(ctx, "digest "+digest, func(context.Context) (content, error) {
		archive, err := s.cache.read(digest, s.limits.Compressed)
		if err != nil {
			return content{}, err
		}
		return open(archive, s.limits, digest, source, "version")
	})
	got.chart.Source = source
	return got, err
}

// keep scans a downloaded archive and puts it into the cache.
func (s *Store) keep(archive []byte, source string) (content, error) {
	got, err := open(archive, s.limits, "", source, "version")
	if err != nil {
		return content{}, err
	}
	got.uncached = s.cache.write(got.chart.Digest, archive)
	_, _ = s.contents.do(context.Background(), "digest "+got.chart.Digest, func(context.Context) (content, error) { return got, nil })
	return got, nil
}

func sourceOf(ref fleet.Chart) string {
	return fmt.Sprintf("%s %s from %s", ref.Name, ref.Version, redact(ref.Repository))
}

// checkRepository refuses what is not a repository URL, and secrets in one.
func checkRepository(repository string) *Problem {
	p := &Problem{Rule: RuleRepository, Field: "repository"}
	u, err := url.Parse(repository)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "oci"):
		p.Message = fmt.Sprintf("%q is not a chart repository", redact(repository))
		p.Hint = "Write https://HOST/PATH, or oci://HOST/PATH without the chart's name."
	case u.User != nil:
		p.Message = fmt.Sprintf("the repository URL %s holds credentials", redact(repository))
		p.Hint = "Take them out of the file, change them, and give the new ones to `helm repo add` or `helm registry login`."
	default:
		return nil
	}
	return p
}
