package fleettest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/realtool"
	"kasou/internal/upstream"
)

// Releases serves upstream charts over http, indexed by the helm command, and returns
// the repository's URL. Those of again are one of them under another version, NEW=OLD.
func Releases(t testing.TB, again ...string) string {
	t.Helper()
	helm, dir, unpacked := realtool.Build(t, "helm.sh/helm/v3/cmd/helm"), t.TempDir(), t.TempDir()
	run := func(name string, args ...string) {
		c := exec.Command(name, args...)
		c.Env = append(os.Environ(), "HOME="+unpacked)
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
	}
	archives := map[string]string{}
	for _, archive := range upstream.All(t) {
		version, isOne := strings.CutPrefix(strings.TrimSuffix(filepath.Base(archive), ".tgz"), "vcluster-")
		archives[version] = archive
		if isOne && version[0] == '0' {
			run("cp", archive, dir)
		}
	}
	for _, pair := range again {
		version, from, _ := strings.Cut(pair, "=")
		at := filepath.Join(unpacked, version)
		if err := os.Mkdir(at, 0o755); err != nil {
			t.Fatal(err)
		}
		run("tar", "-xzf", archives[from], "-C", at)
		run(helm, "package", filepath.Join(at, "vcluster"), "--version", version, "-d", dir)
	}
	run(helm, "repo", "index", dir)
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}
