// Package realtool builds the tools of go.mod's tool directives for tests, and
// runs them, to hold kasou's results against theirs.
package realtool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

var (
	mu    sync.Mutex
	built = map[string]string{}
)

// Build compiles the main package that a tool directive names, once for the
// test process, and gives the binary's path.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	mu.Lock()
	defer mu.Unlock()
	if binary, ok := built[pkg]; ok {
		return binary
	}
	dir, err := os.MkdirTemp("", "kasou-tool-")
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, path.Base(pkg))
	build := exec.Command("go", "build", "-o", binary, pkg)
	_, self, _, _ := runtime.Caller(0)
	build.Dir = filepath.Dir(self) // of the module with the tool directives, whoever asks
	if out, err := build.CombinedOutput(); err != nil {
		_ = os.RemoveAll(dir)
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	built[pkg] = binary
	return binary
}

// Remove deletes what Build made: a TestMain calls it after m.Run.
func Remove() {
	mu.Lock()
	defer mu.Unlock()
	for pkg, binary := range built {
		_ = os.RemoveAll(filepath.Dir(binary))
		delete(built, pkg)
	}
}

// HelmTemplate returns the files that the real helm command writes for the
// release, or an error with what it said.
func HelmTemplate(t testing.TB, r toolchain.Release) (manifest.Files, error) {
	t.Helper()
	helm := Build(t, r.Helm.Module()+"/cmd/helm")
	// Not t.TempDir: helm splits what -f names at commas, and test names have
	// them.
	dir, err := os.MkdirTemp("", "kasou-helm-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	chart, values, out := filepath.Join(dir, "chart.tgz"), filepath.Join(dir, "values.yaml"), filepath.Join(dir, "out")
	for file, data := range map[string][]byte{chart: r.Chart.Archive, values: r.Values} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(helm, "template", r.Name, chart, "--namespace", r.Namespace,
		"--include-crds", "--skip-tests", "--kube-version", r.KubeVersion, "-f", values, "--output-dir", out)
	cmd.Dir = dir
	cmd.Env = []string{
		"HOME=" + dir, "HELM_CACHE_HOME=" + dir, "HELM_CONFIG_HOME=" + dir, "HELM_DATA_HOME=" + dir,
		"TZ=UTC", "PATH=/nonexistent", "KUBECONFIG=" + filepath.Join(dir, "none"),
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("helm template: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return read(t, out), nil
}

// read returns the files below dir, none where it is not there.
func read(t testing.TB, dir string) manifest.Files {
	t.Helper()
	files := manifest.Files{}
	err := filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(file)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return files
}
