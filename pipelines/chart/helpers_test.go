package chart

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/repo"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// isolate keeps the person's own configuration and cache out of a test.
func isolate(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("KASOU_CACHE", filepath.Join(dir, "cache"))
	t.Setenv("HELM_REPOSITORY_CONFIG", filepath.Join(dir, "repositories.yaml"))
	t.Setenv("HELM_REGISTRY_CONFIG", filepath.Join(dir, "registry.json"))
	t.Setenv("DOCKER_CONFIG", filepath.Join(dir, "docker"))
}

func newStore(t *testing.T, opts ...Option) *Store {
	t.Helper()
	return NewStore(t.TempDir(), append([]Option{withRetries(5*time.Second, 2, time.Millisecond)}, opts...)...)
}

// packChart writes an archive as `helm package` does.
func packChart(t *testing.T, name, version, note string) []byte {
	t.Helper()
	ch := &helmchart.Chart{
		Metadata:  &helmchart.Metadata{APIVersion: "v2", Name: name, Version: version},
		Raw:       []*helmchart.File{{Name: "values.yaml", Data: []byte("# " + note + "\nreplicas: 1\n")}},
		Values:    map[string]any{"replicas": 1},
		Templates: []*helmchart.File{{Name: "templates/a.yaml", Data: []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")}},
	}
	file, err := chartutil.Save(ch, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// chartServer is a chart repository on loopback.
type chartServer struct {
	*httptest.Server
	mu       sync.Mutex
	files    map[string][]byte
	index    *repo.IndexFile
	requests atomic.Int64
	// before may answer instead; it says whether it did.
	before func(http.ResponseWriter, *http.Request) bool
}

func serve(t *testing.T) *chartServer {
	t.Helper()
	s := &chartServer{files: map[string][]byte{}, index: repo.NewIndexFile()}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *chartServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	if s.before != nil && s.before(w, r) {
		return
	}
	s.mu.Lock()
	data, ok := s.files[r.URL.Path]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(data)
}

// add publishes an archive, with its digest, under a URL of the index.
func (s *chartServer) add(t *testing.T, name, version string, archive []byte, url string) {
	t.Helper()
	digest := strings.TrimPrefix(manifest.Digest(archive), "sha256:")
	metadata := &helmchart.Metadata{APIVersion: "v2", Name: name, Version: version}
	if err := s.index.MustAdd(metadata, url, "", digest); err != nil {
		t.Fatal(err)
	}
	s.put("/"+name+"-"+version+".tgz", archive)
	s.publish(t)
}

func (s *chartServer) publish(t *testing.T) {
	t.Helper()
	data, err := yaml.Marshal(s.index)
	if err != nil {
		t.Fatal(err)
	}
	s.put("/index.yaml", data)
}

func (s *chartServer) put(path string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[path] = data
}

func cluster(ref fleet.Chart) fleet.Cluster {
	return fleet.Cluster{Name: "development", File: "clusters/development/spec.yaml", Spec: fleet.ClusterSpec{Chart: &ref}}
}

func remoteRef(repository, name, version string) fleet.Chart {
	return fleet.Chart{Repository: repository, Name: name, Version: version}
}

// fetch expects the chart without findings.
func fetch(t *testing.T, s *Store, ref fleet.Chart, lock *lockfile.ChartLock) (toolchain.Chart, lockfile.ChartLock) {
	t.Helper()
	ch, pin, findings, err := s.Fetch(context.Background(), cluster(ref), lock)
	if err != nil || len(findings) > 0 {
		t.Fatalf("Fetch: %v, findings %v", err, findings)
	}
	return ch, pin
}

// fetchFinding expects one finding with the rule, its text holding all words.
func fetchFinding(t *testing.T, s *Store, ref fleet.Chart, lock *lockfile.ChartLock, rule finding.Rule, words ...string) finding.Finding {
	t.Helper()
	ch, _, findings, err := s.Fetch(context.Background(), cluster(ref), lock)
	if err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	if len(findings) != 1 || findings[0].Rule != rule {
		t.Fatalf("want one %s, got %v", rule, findings)
	}
	if ch.Archive != nil {
		t.Error("a chart comes with the finding")
	}
	text := findings[0].Message + "\n" + findings[0].Hint
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in:\n%s", word, text)
		}
	}
	t.Logf("%s\n    %s", findings[0], findings[0].Hint)
	return findings[0]
}

func writeFile(t *testing.T, path, data string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
}

// withLimits bounds archives and indexes otherwise than DefaultLimits.
func withLimits(l Limits) Option { return func(s *Store) { s.limits = l } }

// withRetries sets how long one attempt at the network may take, how often it
// is repeated after a failure that may pass, and how long the first pause is;
// each next pause is twice as long.
func withRetries(timeout time.Duration, count int, pause time.Duration) Option {
	return func(s *Store) { s.retries = retries{timeout: timeout, count: count, pause: pause} }
}
