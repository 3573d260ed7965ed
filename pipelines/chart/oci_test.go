package chart

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	ociregistry "github.com/google/go-containerregistry/pkg/registry"
	"helm.sh/helm/v3/pkg/registry"

	"kasou/pipelines/manifest"
)

// ociServer is an OCI registry on loopback, plain http.
type ociServer struct {
	*httptest.Server
	host     string
	password string
	requests atomic.Int64
	before   func(http.ResponseWriter, *http.Request) bool
}

func serveOCI(t *testing.T) *ociServer {
	t.Helper()
	handler := ociregistry.New(ociregistry.Logger(log.New(io.Discard, "", 0)))
	s := &ociServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if _, password, _ := r.BasicAuth(); s.password != "" && password != s.password {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if s.before == nil || !s.before(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(s.Close)
	s.host = strings.TrimPrefix(s.URL, "http://")
	return s
}

// push uses Helm's own client.
func (s *ociServer) push(t *testing.T, archive []byte, ref string) {
	t.Helper()
	client, err := registry.NewClient(registry.ClientOptPlainHTTP(), registry.ClientOptBasicAuth("anna", "s3cret-word"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Push(archive, s.host+"/"+ref, registry.PushOptStrictMode(false)); err != nil {
		t.Fatal(err)
	}
}

func TestRegistry(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	archive := packChart(t, "demo", "1.2.3+build.5", "one")
	server.push(t, archive, "charts/demo:1.2.3+build.5")
	ref := remoteRef("oci://"+server.host+"/charts", "demo", "1.2.3+build.5")
	ch, pin := fetch(t, newStore(t), ref, nil)
	if !bytes.Equal(ch.Archive, archive) || pin.Digest != manifest.Digest(archive) || ch.Version != "1.2.3+build.5" {
		t.Errorf("another chart: %s %s", ch.Version, pin.Digest)
	}
	before := server.requests.Load()
	fetch(t, newStore(t), ref, &pin)
	if server.requests.Load() != before {
		t.Error("with a warm cache the registry was asked")
	}
	replaced := packChart(t, "demo", "1.2.3+build.5", "two")
	server.push(t, replaced, "charts/demo:1.2.3+build.5")
	fetchFinding(t, newStore(t, WithCache(t.TempDir())), ref, &pin, RuleDigest, pin.Digest, manifest.Digest(replaced))
}

// A new pin asks the registry which archive it has, and takes that from the cache.
func TestAnArchiveInTheCacheIsNotPulledAgain(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	server.push(t, archive, "charts/demo:1.2.3")
	ref := remoteRef("oci://"+server.host+"/charts", "demo", "1.2.3")
	fetch(t, newStore(t), ref, nil)
	var manifests, blobs atomic.Int64
	server.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			blobs.Add(1)
		}
		if strings.Contains(r.URL.Path, "/manifests/") {
			manifests.Add(1)
		}
		return false
	}
	if ch, _ := fetch(t, newStore(t), ref, nil); !bytes.Equal(ch.Archive, archive) || manifests.Load() == 0 || blobs.Load() > 0 {
		t.Errorf("%s by %d manifests and %d blobs", ch.Digest, manifests.Load(), blobs.Load())
	}
	fetch(t, newStore(t, WithCache(t.TempDir())), ref, nil)
	if blobs.Load() == 0 {
		t.Error("no archive was pulled into an empty cache")
	}
}

func TestRegistryCredentials(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	server.password = "s3cret-word"
	server.push(t, packChart(t, "demo", "1.2.3", "one"), "charts/demo:1.2.3")
	ref := remoteRef("oci://"+server.host+"/charts", "demo", "1.2.3")
	fetchFinding(t, newStore(t), ref, nil, RuleCredentials, "401", "helm registry login")
	for name, file := range map[string]string{
		"Helm's file":   os.Getenv("HELM_REGISTRY_CONFIG"),
		"Docker's file": filepath.Join(os.Getenv("DOCKER_CONFIG"), "config.json"),
	} {
		t.Run(name, func(t *testing.T) {
			auth := func(password string) string {
				return fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, server.host, base64.StdEncoding.EncodeToString([]byte("anna:"+password)))
			}
			writeFile(t, file, auth("wrong-word"))
			found := fetchFinding(t, newStore(t), ref, nil, RuleCredentials, "401")
			if strings.Contains(found.Message+found.Hint, "wrong-word") {
				t.Error("the finding shows the password")
			}
			writeFile(t, file, auth("s3cret-word"))
			fetch(t, newStore(t, WithCache(t.TempDir())), ref, nil)
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestRegistryVersions(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	for _, version := range []string{"1.2.0", "1.10.0+a.1", "2.0.0-rc.1"} {
		server.push(t, packChart(t, "demo", version, ""), "charts/demo:"+version)
	}
	server.push(t, packChart(t, "demo", "9.9.9", ""), "charts/demo:latest")
	ref := remoteRef("oci://"+server.host+"/charts/", "demo", "1.2.0")
	got, err := newStore(t).Versions(context.Background(), ref)
	if want := []string{"1.10.0+a.1", "1.2.0"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v (%v), want %v", got, err, want)
	}
	ref.Version = "1.3.0"
	fetchFinding(t, newStore(t), ref, nil, RuleNotFound, "1.3.0", "2.0.0-rc.1, 1.10.0+a.1, 1.2.0")
	ref.Version = "latest"
	fetchFinding(t, newStore(t), ref, nil, RuleMismatch, "demo 9.9.9", "demo latest")
}

func TestRegistryFailures(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	server.push(t, packChart(t, "demo", "1.2.3", "one"), "charts/demo:1.2.3")
	ref := remoteRef("oci://"+server.host+"/charts", "demo", "1.2.3")
	failures := atomic.Int64{}
	server.before = func(w http.ResponseWriter, _ *http.Request) bool {
		if failures.Add(-1) < 0 {
			return false
		}
		w.WriteHeader(http.StatusBadGateway)
		return true
	}
	failures.Store(2)
	fetch(t, newStore(t), ref, nil)
	failures.Store(1000)
	_, _, findings, err := newStore(t).Fetch(context.Background(), cluster(ref), nil)
	if err == nil || len(findings) > 0 || !strings.Contains(err.Error(), "502") {
		t.Errorf("error %v, findings %v", err, findings)
	}
}

func TestRegistryHoldsSomethingElse(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","size":0},"layers":[]}`
	request, err := http.NewRequest(http.MethodPut, server.URL+"/v2/charts/demo/manifests/1.2.3", strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	fetchFinding(t, newStore(t), remoteRef("oci://"+server.host+"/charts", "demo", "1.2.3"), nil, RuleNotAChart, registry.ChartLayerMediaType)
}

// A registry may name a layer by another hash than kasou does.
func TestRegistryNamesALayerBySHA512(t *testing.T) {
	isolate(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	layer := fmt.Sprintf("sha512:%x", sha512.Sum512(archive))
	body := fmt.Sprintf(`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[{"mediaType":%q,"digest":%q,"size":%d}]}`, chartLayer, layer, len(archive))
	server := serveOCI(t)
	server.before = func(w http.ResponseWriter, r *http.Request) bool {
		switch r.URL.Path {
		case "/v2/charts/demo/manifests/1.2.3":
			w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
			w.Header().Set("Docker-Content-Digest", manifest.Digest([]byte(body)))
			_, _ = io.WriteString(w, body)
		case "/v2/charts/demo/blobs/" + layer:
			_, _ = w.Write(archive)
		case "/v2/charts/demo/tags/list":
			_, _ = io.WriteString(w, `{"name":"charts/demo","tags":["1.2.3"]}`)
		default:
			return false
		}
		return true
	}
	ref, want := remoteRef("oci://"+server.host+"/charts", "demo", "1.2.3"), manifest.Digest(archive)
	if ch, pin := fetch(t, newStore(t), ref, nil); ch.Digest != want || pin.Digest != want {
		t.Errorf("got %s, pinned as %s", ch.Digest, pin.Digest)
	}
	if up, err := newStore(t).Upstream(t.Context(), ref); err != nil || up.Digest != want {
		t.Errorf("upstream has %s: %v", up.Digest, err)
	}
}

func TestIndexPointsIntoARegistry(t *testing.T) {
	isolate(t)
	registryServer, server := serveOCI(t), serve(t)
	archive := packChart(t, "demo", "1.2.3", "one")
	registryServer.push(t, archive, "charts/demo:1.2.3")
	server.add(t, "demo", "1.2.3", archive, "oci://"+registryServer.host+"/charts/demo:1.2.3")
	if ch, _ := fetch(t, newStore(t), remoteRef(server.URL, "demo", "1.2.3"), nil); ch.Digest != manifest.Digest(archive) {
		t.Errorf("another chart: %s", ch.Digest)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost:5000": true, "localhost": true, "127.0.0.1:5000": true, "[::1]:5000": true,
		"registry.example.com": false, "10.0.0.1:5000": false, "localhost.example.com:80": false,
	} {
		if loopback(host) != want {
			t.Errorf("loopback(%s) is not %v", host, want)
		}
	}
}

func TestRegistryArchiveIsNotTheIndexs(t *testing.T) {
	isolate(t)
	registryServer, server := serveOCI(t), serve(t)
	registryServer.push(t, packChart(t, "demo", "1.2.3", "one"), "charts/demo:1.2.3")
	promised := packChart(t, "demo", "1.2.3", "two")
	server.add(t, "demo", "1.2.3", promised, "oci://"+registryServer.host+"/charts/demo:1.2.3")
	fetchFinding(t, newStore(t), remoteRef(server.URL, "demo", "1.2.3"), nil, RuleIndexDigest, manifest.Digest(promised))
}
