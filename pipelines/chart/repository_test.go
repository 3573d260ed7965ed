package chart

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/repo"

	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
)

func TestRepositoryURLs(t *testing.T) {
	isolate(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	for _, test := range []struct{ name, url, suffix string }{
		{"relative", "demo-1.2.3.tgz", ""},
		{"absolute", "SERVER/demo-1.2.3.tgz", ""},
		{"trailing slash", "demo-1.2.3.tgz", "/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t)
			server.add(t, "demo", "1.2.3", archive, strings.Replace(test.url, "SERVER", server.URL, 1))
			ch, pin := fetch(t, newStore(t), remoteRef(server.URL+test.suffix, "demo", "1.2.3"), nil)
			if !bytes.Equal(ch.Archive, archive) || ch.Name != "demo" || ch.Version != "1.2.3" || ch.Digest != manifest.Digest(archive) {
				t.Errorf("another chart: %s %s %s", ch.Name, ch.Version, ch.Digest)
			}
			if pin.Digest != manifest.Digest(archive) || pin.Repository != server.URL+test.suffix || pin.Version != "1.2.3" {
				t.Errorf("pin %+v", pin)
			}
		})
	}
}

func TestRepositoryBasicAuth(t *testing.T) {
	isolate(t)
	server := serve(t)
	server.add(t, "demo", "1.2.3", packChart(t, "demo", "1.2.3", "one"), "demo-1.2.3.tgz")
	server.before = func(w http.ResponseWriter, r *http.Request) bool {
		user, password, _ := r.BasicAuth()
		if user == "anna" && password == "s3cret-word" {
			return false
		}
		w.WriteHeader(http.StatusUnauthorized)
		return true
	}
	ref := remoteRef(server.URL, "demo", "1.2.3")
	fetchFinding(t, newStore(t), ref, nil, RuleCredentials, "401", "helm repo add")

	writeRepositories(t, server.URL+"/", "wrong-word")
	found := fetchFinding(t, newStore(t), ref, nil, RuleCredentials, "401")
	if strings.Contains(found.Message+found.Hint, "wrong-word") {
		t.Error("the finding shows the password")
	}
	writeRepositories(t, server.URL+"/", "s3cret-word")
	fetch(t, newStore(t), ref, nil)
}

func writeRepositories(t *testing.T, url, password string) {
	t.Helper()
	writeFile(t, os.Getenv("HELM_REPOSITORY_CONFIG"), fmt.Sprintf(
		"apiVersion: v1\nrepositories:\n- {name: x, url: %q, username: anna, password: %s}\n", url, password))
}

func TestRedirectCarriesNoCredentials(t *testing.T) {
	isolate(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	leaked := ""
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked += r.Header.Get("Authorization")
		_, _ = w.Write(archive)
	}))
	defer other.Close()
	server := serve(t)
	server.add(t, "demo", "1.2.3", archive, "demo-1.2.3.tgz")
	authorized := 0
	server.before = func(w http.ResponseWriter, r *http.Request) bool {
		if _, _, ok := r.BasicAuth(); ok {
			authorized++
		}
		if !strings.HasSuffix(r.URL.Path, ".tgz") {
			return false
		}
		http.Redirect(w, r, other.URL+"/signed?token=abc", http.StatusFound)
		return true
	}
	writeRepositories(t, server.URL, "s3cret-word")
	fetch(t, newStore(t), remoteRef(server.URL, "demo", "1.2.3"), nil)
	if leaked != "" {
		t.Errorf("another host got %q", leaked)
	}
	if authorized != 2 {
		t.Errorf("the repository itself got credentials %d times, not 2", authorized)
	}
}

func TestErrorAfterRedirectHidesSignedURL(t *testing.T) {
	isolate(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	server := serve(t)
	server.before = func(w http.ResponseWriter, r *http.Request) bool {
		http.Redirect(w, r, closed.URL+"/signed?token=abcdef", http.StatusFound)
		return true
	}
	_, _, findings, err := newStore(t).Fetch(context.Background(), cluster(remoteRef(server.URL, "demo", "1.2.3")), nil)
	if err == nil || len(findings) > 0 {
		t.Fatalf("want an error, got %v", findings)
	}
	if strings.Contains(err.Error(), "abcdef") {
		t.Errorf("the error shows the signed URL: %v", err)
	}
}

func TestArchiveIsNotTheIndexs(t *testing.T) {
	isolate(t)
	server := serve(t)
	promised, actual := packChart(t, "demo", "1.2.3", "one"), packChart(t, "demo", "1.2.3", "two")
	server.add(t, "demo", "1.2.3", promised, "demo-1.2.3.tgz")
	server.put("/demo-1.2.3.tgz", actual)
	fetchFinding(t, newStore(t), remoteRef(server.URL, "demo", "1.2.3"), nil, RuleIndexDigest, manifest.Digest(promised), manifest.Digest(actual))
}

func TestMovedDigest(t *testing.T) {
	isolate(t)
	server := serve(t)
	first, second := packChart(t, "demo", "1.2.3", "one"), packChart(t, "demo", "1.2.3", "two")
	server.add(t, "demo", "1.2.3", first, "demo-1.2.3.tgz")
	ref := remoteRef(server.URL, "demo", "1.2.3")
	_, pin := fetch(t, newStore(t), ref, nil)

	server.index.Entries = map[string]repo.ChartVersions{}
	server.add(t, "demo", "1.2.3", second, "demo-1.2.3.tgz")
	server.add(t, "demo", "1.3.0", packChart(t, "demo", "1.3.0", "three"), "demo-1.3.0.tgz")

	if ch, _ := fetch(t, newStore(t), ref, &pin); ch.Digest != manifest.Digest(first) {
		t.Errorf("with a warm cache the pinned chart is %s", ch.Digest)
	}
	cold := newStore(t, WithCache(t.TempDir()))
	fetchFinding(t, cold, ref, &pin, RuleDigest, manifest.Digest(first), manifest.Digest(second), "kasou lock development", "clusters/development/lock.yaml")
	if _, renewed := fetch(t, cold, ref, nil); renewed.Digest != manifest.Digest(second) {
		t.Errorf("a new pin is %s", renewed.Digest)
	}
	if _, next := fetch(t, cold, remoteRef(server.URL, "demo", "1.3.0"), &pin); next.Version != "1.3.0" {
		t.Errorf("the pin of another version counts: %+v", next)
	}
}

func TestServerFailures(t *testing.T) {
	isolate(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	for _, test := range []struct {
		name     string
		failures int64
		code     int
		fine     bool
	}{
		{"500 then fine", 1, 500, true},
		{"429 then fine", 2, 429, true},
		{"503 for ever", 1000, 503, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := serve(t)
			server.add(t, "demo", "1.2.3", archive, "demo-1.2.3.tgz")
			var left atomic.Int64
			left.Store(test.failures)
			server.before = func(w http.ResponseWriter, _ *http.Request) bool {
				if left.Add(-1) < 0 {
					return false
				}
				w.WriteHeader(test.code)
				return true
			}
			_, _, findings, err := newStore(t, WithCache(t.TempDir())).Fetch(context.Background(), cluster(remoteRef(server.URL, "demo", "1.2.3")), nil)
			if (err == nil) != test.fine || len(findings) > 0 {
				t.Errorf("error %v, findings %v", err, findings)
			}
			if !test.fine && server.requests.Load() != 3 {
				t.Errorf("%d attempts, not 3", server.requests.Load())
			}
		})
	}
}

func TestSlowServer(t *testing.T) {
	isolate(t)
	release := make(chan struct{})
	server := serve(t)
	server.before = func(_ http.ResponseWriter, r *http.Request) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	}
	defer close(release)
	ref := remoteRef(server.URL, "demo", "1.2.3")
	t.Run("times out", func(t *testing.T) {
		store := newStore(t, withRetries(30*time.Millisecond, 1, time.Millisecond))
		_, _, _, err := store.Fetch(context.Background(), cluster(ref), nil)
		if !errors.Is(err, context.DeadlineExceeded) || server.requests.Load() != 2 {
			t.Errorf("error %v after %d requests", err, server.requests.Load())
		}
	})
	t.Run("is given up", func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(30*time.Millisecond, cancel)
		_, _, _, err := newStore(t).Fetch(ctx, cluster(ref), nil)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestLargeIndex(t *testing.T) {
	isolate(t)
	server := serve(t)
	server.add(t, "demo", "1.2.3", packChart(t, "demo", "1.2.3", "one"), "demo-1.2.3.tgz")
	for i := range 20_000 {
		metadata := &helmchart.Metadata{APIVersion: "v2", Name: "filler", Version: fmt.Sprintf("1.0.%d", i), Description: strings.Repeat("words ", 60)}
		if err := server.index.MustAdd(metadata, "filler.tgz", "", "00"); err != nil {
			t.Fatal(err)
		}
	}
	server.publish(t)
	if size := len(server.files["/index.yaml"]); size < 10_000_000 {
		t.Fatalf("the index has only %d bytes", size)
	}
	fetch(t, newStore(t), remoteRef(server.URL, "demo", "1.2.3"), nil)
	small := DefaultLimits
	small.Index = 1 << 20
	fetchFinding(t, newStore(t, withLimits(small)), remoteRef(server.URL, "demo", "1.2.3"), nil, RuleArchive, "1048576")
}

func TestRepositoryProblems(t *testing.T) {
	isolate(t)
	server := serve(t)
	for _, version := range []string{"1.0.0", "1.1.0", "1.2.0", "1.10.0", "2.0.0", "3.0.0-rc.1", "3.0.0"} {
		server.add(t, "demo", version, packChart(t, "demo", version, ""), "demo-"+version+".tgz")
	}
	server.add(t, "liar", "1.0.0", packChart(t, "other", "1.0.0", ""), "liar-1.0.0.tgz")
	server.add(t, "file", "1.0.0", nil, "file:///etc/passwd")
	server.add(t, "text", "1.0.0", []byte("no archive"), "text-1.0.0.tgz")
	for _, test := range []struct {
		name  string
		ref   [3]string
		rule  string
		words []string
	}{
		{"no version", [3]string{server.URL, "demo", "1.3.0"}, "chart-not-found", []string{"1.3.0", "2.0.0, 1.10.0, 1.2.0, 1.1.0, 1.0.0"}},
		{"no chart", [3]string{server.URL, "dem", "1.0.0"}, "chart-not-found", []string{"demo"}},
		{"no index", [3]string{server.URL + "/nowhere", "demo", "1.0.0"}, "chart-not-found", []string{"404"}},
		{"another chart", [3]string{server.URL, "liar", "1.0.0"}, "chart-mismatch", []string{"other 1.0.0", "liar 1.0.0"}},
		{"a file URL", [3]string{server.URL, "file", "1.0.0"}, "chart-repository", []string{"no usable URL"}},
		{"no archive", [3]string{server.URL, "text", "1.0.0"}, "chart-archive", []string{"gzip"}},
		{"no URL", [3]string{"charts.example.com", "demo", "1.0.0"}, "chart-repository", []string{"https://"}},
		{"a password in the URL", [3]string{"https://anna:pw123@charts.example.com", "demo", "1.0.0"}, "chart-repository", []string{"credentials"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := fetchFinding(t, newStore(t), remoteRef(test.ref[0], test.ref[1], test.ref[2]), nil, finding.Rule(test.rule), test.words...)
			if strings.Contains(found.Message, "pw123") {
				t.Error("the finding shows the password")
			}
		})
	}
}

func TestParallelFetchesAreOne(t *testing.T) {
	isolate(t)
	server := serve(t)
	server.add(t, "demo", "1.2.3", packChart(t, "demo", "1.2.3", "one"), "demo-1.2.3.tgz")
	server.before = func(http.ResponseWriter, *http.Request) bool {
		time.Sleep(20 * time.Millisecond)
		return false
	}
	store := newStore(t)
	ref := remoteRef(server.URL, "demo", "1.2.3")
	charts := make([][]byte, 1000)
	var all sync.WaitGroup
	for i := range charts {
		all.Go(func() {
			ch, _, _, err := store.Fetch(context.Background(), cluster(ref), nil)
			if err == nil {
				charts[i] = ch.Archive
			}
		})
	}
	all.Wait()
	for i, archive := range charts {
		if len(archive) == 0 || &archive[0] != &charts[0][0] {
			t.Fatalf("fetch %d does not share the archive's bytes", i)
		}
	}
	if server.requests.Load() != 2 {
		t.Errorf("%d requests, not one for the index and one for the archive", server.requests.Load())
	}
}
