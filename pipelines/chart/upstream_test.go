package chart

import (
	"context"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"

	helmchart "helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"

	"kasou/pipelines/manifest"
)

// packAnnotated is packChart with annotations in Chart.yaml.
func packAnnotated(t *testing.T, version string, annotations map[string]string) []byte {
	t.Helper()
	file, err := chartutil.Save(&helmchart.Chart{
		Metadata: &helmchart.Metadata{APIVersion: "v2", Name: "demo", Version: version, Annotations: annotations},
	}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

var securityFix = map[string]string{"artifacthub.io/containsSecurityUpdates": "true"}

// wantNewer expects exactly the releases, newest first.
func wantNewer(t *testing.T, up Upstream, want ...Release) {
	t.Helper()
	if len(up.Newer) != len(want) {
		t.Fatalf("newer: %v, want %v", up.Newer, want)
	}
	for i := range want {
		if up.Newer[i] != want[i] {
			t.Errorf("newer: %v, want %v", up.Newer, want)
		}
	}
}

// The cache has the old archive; the answer is the source's.
func TestUpstreamOfARepository(t *testing.T) {
	isolate(t)
	server := serve(t)
	old, moved := packChart(t, "demo", "1.0.0", "one"), packChart(t, "demo", "1.0.0", "two")
	server.add(t, "demo", "1.0.0", old, "demo-1.0.0.tgz")
	for _, version := range []string{"0.9.0", "1.1.0", "1.2.0", "2.0.0-rc.1"} {
		server.add(t, "demo", version, []byte(version), "demo-"+version+".tgz")
	}
	for _, entry := range server.index.Entries["demo"] {
		if entry.Version == "1.1.0" {
			entry.Annotations = securityFix
		}
	}
	server.publish(t)
	ref := remoteRef(server.URL, "demo", "1.0.0")
	_, pin := fetch(t, newStore(t), ref, nil)
	up, err := newStore(t).Upstream(context.Background(), ref)
	if err != nil || up.Digest != pin.Digest {
		t.Errorf("%v: digest %s, want %s", err, up.Digest, pin.Digest)
	}
	wantNewer(t, up, Release{Version: "1.2.0"}, Release{"1.1.0", true})

	for name, digest := range map[string]string{"the index says so": manifest.Digest(moved), "the index says nothing": ""} {
		server.put("/demo-1.0.0.tgz", moved)
		for _, entry := range server.index.Entries["demo"] {
			if entry.Version == "1.0.0" {
				entry.Digest = digest
			}
		}
		server.publish(t)
		if up, err := newStore(t).Upstream(context.Background(), ref); err != nil || up.Digest != manifest.Digest(moved) {
			t.Errorf("%s: %v: digest %s, want %s", name, err, up.Digest, manifest.Digest(moved))
		}
	}
	var problem *Problem
	if _, err := newStore(t).Upstream(context.Background(), remoteRef(server.URL, "demo", "1.0.1")); !errors.As(err, &problem) || problem.Rule != RuleNotFound {
		t.Errorf("a version that is gone: %v", err)
	}
	server.Close()
	if _, err := newStore(t).Upstream(context.Background(), ref); err == nil || errors.As(err, &problem) {
		t.Errorf("a repository that is down: %v", err)
	}
}

// A tag without a manifest hides nothing of the others.
func TestAMissingManifestHidesNoSecurityFix(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	for version, annotations := range map[string]map[string]string{"1.0.0": nil, "1.1.0": securityFix, "1.2.0": nil} {
		server.push(t, packAnnotated(t, version, annotations), "charts/demo:"+version)
	}
	server.before = func(w http.ResponseWriter, r *http.Request) bool {
		gone := strings.HasSuffix(r.URL.Path, "/manifests/1.2.0")
		if gone {
			w.WriteHeader(http.StatusNotFound)
		}
		return gone
	}
	up, err := newStore(t).Upstream(context.Background(), remoteRef("oci://"+server.host+"/charts", "demo", "1.0.0"))
	if err != nil {
		t.Fatal(err)
	}
	wantNewer(t, up, Release{Version: "1.2.0"}, Release{"1.1.0", true})
}

func TestUpstreamOfARegistry(t *testing.T) {
	isolate(t)
	server := serveOCI(t)
	archive := packAnnotated(t, "1.0.0", nil)
	server.push(t, archive, "charts/demo:1.0.0")
	server.push(t, packAnnotated(t, "1.1.0", securityFix), "charts/demo:1.1.0")
	server.push(t, packAnnotated(t, "1.2.0+a.1", nil), "charts/demo:1.2.0+a.1")
	ref := remoteRef("oci://"+server.host+"/charts", "demo", "1.0.0")
	up, err := newStore(t).Upstream(context.Background(), ref)
	if err != nil || up.Digest != manifest.Digest(archive) {
		t.Errorf("%v: digest %s, want %s", err, up.Digest, manifest.Digest(archive))
	}
	wantNewer(t, up, Release{Version: "1.2.0+a.1"}, Release{"1.1.0", true})

	moved := packAnnotated(t, "1.0.0", map[string]string{"moved": "yes"})
	server.push(t, moved, "charts/demo:1.0.0")
	if up, err := newStore(t).Upstream(context.Background(), ref); err != nil || up.Digest != manifest.Digest(moved) {
		t.Errorf("after the tag moved: %v: digest %s, want %s", err, up.Digest, manifest.Digest(moved))
	}
	ref.Version = "1.0.1"
	var problem *Problem
	if _, err := newStore(t).Upstream(context.Background(), ref); !errors.As(err, &problem) || problem.Rule != RuleNotFound {
		t.Errorf("a tag that is gone: %v", err)
	}
}

func TestFixesSecurity(t *testing.T) {
	for _, test := range []struct {
		name        string
		annotations any
		want        bool
	}{
		{"nothing", nil, false},
		{"not a map", []any{"artifacthub.io/containsSecurityUpdates"}, false},
		{"flag", map[string]any{"artifacthub.io/containsSecurityUpdates": "true"}, true},
		{"flag as a boolean", map[string]any{"artifacthub.io/containsSecurityUpdates": true}, true},
		{"flag off", map[string]any{"artifacthub.io/containsSecurityUpdates": "false"}, false},
		{"a change", map[string]any{"artifacthub.io/changes": "- kind: added\n  description: x\n- kind: security\n  description: y\n"}, true},
		{"other changes", map[string]any{"artifacthub.io/changes": "- a security fix of words\n- kind: fixed\n  description: security\n"}, false},
		{"no YAML", map[string]any{"artifacthub.io/changes": "\t{"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := fixesSecurity(test.annotations); got != test.want {
				t.Errorf("%v", got)
			}
		})
	}
}
