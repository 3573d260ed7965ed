// Package build makes the programs that the tests run: Kubernetes API servers,
// etcd, the Sealed Secrets controller. Each is a Go module of its own below
// parts/, pinned by its go.sum; the binaries are kept in the user's cache.
package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"kasou/pipelines/chart"
)

// Part is a program that go.mod pins in a folder of this module.
type Part struct {
	// Name of the binary.
	Name string
	// Module is the folder of its go.mod, relative to e2e/; Package its main
	// package.
	Module, Package string
	// stamp returns the linker's -X settings for a version; nil for none.
	stamp func(version string) []string
	// root is the module that carries the part's version.
	root string
	// sources are files of this repository that the part is made of.
	sources []string
}

var (
	// Etcd is the store of an API server.
	Etcd = Part{Name: "etcd", Module: "parts/etcd", Package: "go.etcd.io/etcd/server/v3", root: "go.etcd.io/etcd/server/v3"}
	// Controller is the Sealed Secrets controller.
	Controller = Part{
		Name: "sealed-secrets-controller", Module: "parts/sealed-secrets",
		Package: SealedSecrets + "/cmd/controller", root: SealedSecrets,
	}
	// ControllerManager is the kube-controller-manager of the newest API server.
	ControllerManager = Part{
		Name: "kube-controller-manager", Module: "parts/kube-controller-manager",
		Package: "k8s.io/kubernetes/cmd/kube-controller-manager", root: "k8s.io/kubernetes", stamp: kubernetesStamp,
	}
	// Kine is the store of a virtual cluster: etcd's protocol over SQLite.
	Kine = Part{Name: "kine", Module: "parts/kine", Package: "github.com/k3s-io/kine", root: "github.com/k3s-io/kine"}
	// VCluster is the program of a virtual cluster's pod.
	VCluster = Part{
		Name: "vcluster", Module: "parts/vcluster", Package: "github.com/loft-sh/vcluster/cmd/vcluster",
		root: "github.com/loft-sh/vcluster", stamp: vclusterStamp,
	}
	// VClusterBefore is the release before VCluster's.
	VClusterBefore = Part{
		Name: "vcluster", Module: "parts/vcluster-before", Package: VCluster.Package, root: VCluster.root, stamp: vclusterStamp,
	}
	// ArgoCD is what deploys: repo-server, application-controller and
	// applicationset-controller in one program.
	ArgoCD = Part{
		Name: "argocd", Module: "parts/argocd", Package: ".", root: argoCD,
		sources: []string{"main.go"},
	}
	// ArgoCDDiff is Argo CD's own comparison.
	ArgoCDDiff = Part{
		Name: "argocd-diff", Module: "parts/argocd-diff", Package: ".", root: "github.com/argoproj/gitops-engine",
		sources: []string{"main.go"},
	}
)

// SealedSecrets is the module of the controller, and of what kasou seals with.
const SealedSecrets = "github.com/bitnami-labs/sealed-secrets"

const argoCD = "github.com/argoproj/argo-cd/v3"

// APIServer is the kube-apiserver of a Kubernetes minor version, such as 1.34.
// There must be a folder parts/kube-apiserver-1.34.
func APIServer(minor string) Part {
	return Part{
		Name: "kube-apiserver", Module: "parts/kube-apiserver-" + minor,
		Package: "k8s.io/kubernetes/cmd/kube-apiserver", root: "k8s.io/kubernetes", stamp: kubernetesStamp,
	}
}

// kubernetesStamp makes /version say what is running; the module alone does not
// carry it.
func kubernetesStamp(version string) []string {
	const pkg = "k8s.io/component-base/version."
	number := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	return []string{pkg + "gitVersion=" + version, pkg + "gitMajor=" + number[0], pkg + "gitMinor=" + number[1]}
}

// vclusterStamp tells the program its version, as its release does.
func vclusterStamp(version string) []string {
	return []string{"github.com/loft-sh/vcluster/pkg/telemetry.SyncerVersion=" + strings.TrimPrefix(version, "v")}
}

// VClusterChanges says which changes of store and distro the configuration of a
// vcluster's minor version lets through. There must be a folder
// parts/vcluster-changes-MINOR.
func VClusterChanges(minor string) Part {
	return Part{Name: "vcluster-changes", Module: "parts/vcluster-changes-" + minor, Package: ".", root: VCluster.root, sources: []string{"main.go"}}
}

// Binary returns the path of the part's binary. It builds it where the cache has
// none of the same pins, flags and Go version, and says on log how long that
// took. An error has the compiler's or the module proxy's own words.
func (p Part) Binary(ctx context.Context, log io.Writer) (string, error) {
	version, err := p.Version()
	if err != nil {
		return "", err
	}
	flags := []string{"-ldflags", "-s -w" + p.linkerFlags(version)}
	digest, err := p.digest(flags)
	if err != nil {
		return "", err
	}
	cache := chart.CacheDir()
	if cache == "" {
		return "", errors.New("no cache folder for the binaries: set KASOU_CACHE")
	}
	binary := filepath.Join(cache, "e2e", version, p.Name+"-"+digest)
	if _, err := os.Stat(binary); err == nil {
		return binary, nil
	}
	if tooLate() {
		return "", fmt.Errorf("%s %s: %w", p.Name, version, ErrTooLate)
	}
	start := time.Now()
	fmt.Fprintf(log, "e2e: building %s %s, once; minutes on a small machine\n", p.Name, version)
	if err := p.compile(ctx, flags, binary); err != nil {
		return "", fmt.Errorf("cannot build %s %s: %w", p.Name, version, err)
	}
	fmt.Fprintf(log, "e2e: built %s %s in %s: %s\n", p.Name, version, time.Since(start).Round(time.Second), binary)
	return binary, nil
}

// ErrTooLate is a part that is not built yet, and must not be now.
var ErrTooLate = errors.New("not built yet, and KASOU_E2E_BUILD_UNTIL is over")

// tooLate reports whether the time after which nothing big is begun is over:
// KASOU_E2E_BUILD_UNTIL, in seconds since 1970.
func tooLate() bool {
	until, err := strconv.ParseInt(os.Getenv("KASOU_E2E_BUILD_UNTIL"), 10, 64)
	return err == nil && time.Now().Unix() > until
}

// Kasou builds the program that is tested, and returns its path in the cache.
func Kasou(ctx context.Context) (string, error) {
	binary := filepath.Join(chart.CacheDir(), "e2e", "kasou")
	_, err := goCommand(ctx, filepath.Dir(moduleRoot()), "build", "-buildvcs=false", "-o", binary, ".")
	return binary, err
}

// Version returns the version that the part's go.mod pins, such as v1.34.4.
func (p Part) Version() (string, error) {
	data, err := os.ReadFile(p.file("go.mod"))
	if err != nil {
		return "", err
	}
	found := regexp.MustCompile(`(?m)^(?:require)?\s*` + regexp.QuoteMeta(p.root) + ` (v\S+)`).FindSubmatch(data)
	if found == nil {
		return "", fmt.Errorf("%s/go.mod requires no %s", p.Module, p.root)
	}
	return string(found[1]), nil
}

func (p Part) linkerFlags(version string) string {
	flags := ""
	if p.stamp != nil {
		for _, setting := range p.stamp(version) {
			flags += " -X " + setting
		}
	}
	return flags
}

// digest is over what decides the binary's bytes.
func (p Part) digest(flags []string) (string, error) {
	h := sha256.New()
	_, _ = fmt.Fprintln(h, runtime.Version(), runtime.GOOS, runtime.GOARCH, p.Package, flags)
	for _, name := range append([]string{"go.mod", "go.sum"}, p.sources...) {
		data, err := os.ReadFile(p.file(name))
		if err != nil {
			return "", err
		}
		_, _ = h.Write(data)
	}
	return fmt.Sprintf("%x", h.Sum(nil))[:12], nil
}

// compile builds beside the target and renames, so that a binary in the cache
// is whole.
func (p Part) compile(ctx context.Context, flags []string, binary string) error {
	if err := os.MkdirAll(filepath.Dir(binary), 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(binary), ".building-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	built := filepath.Join(dir, p.Name)
	args := append([]string{"build", "-buildvcs=false", "-o", built}, flags...)
	if _, err := goCommand(ctx, p.file("."), append(args, p.Package)...); err != nil {
		return err
	}
	return os.Rename(built, binary)
}

func (p Part) file(name string) string {
	return filepath.Join(moduleRoot(), filepath.FromSlash(p.Module), name)
}

// Folder returns the unpacked module that carries the part's version: manifests,
// definitions and charts are in it. It brings the module where only the binary is in
// a cache.
func (p Part) Folder(ctx context.Context) (string, error) {
	out, err := goCommand(ctx, p.file("."), "mod", "download", "-json", p.root)
	if err != nil {
		return "", err
	}
	var module struct{ Dir string }
	if err := json.Unmarshal([]byte(out), &module); err != nil {
		return "", fmt.Errorf("go mod download -json: %w", err)
	}
	return module.Dir, nil
}

// Required returns the version of a module that kasou, as tested here, is built
// with.
func Required(ctx context.Context, module string) (string, error) {
	out, err := goCommand(ctx, moduleRoot(), "list", "-m", "-f", "{{.Version}}", module)
	return strings.TrimSpace(out), err
}

// environment is that of the tests' own process as it began. Later they have every
// client use a proxy that knows nobody but the tests' servers, and the go command
// is to reach the module proxy.
var environment = os.Environ()

func goCommand(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, environment
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, tail(stderr.String(), 2000))
	}
	return stdout.String(), nil
}

// tail returns the last bytes of a text: what failed stands there.
func tail(text string, limit int) string {
	return text[max(0, len(text)-limit):]
}

// moduleRoot is e2e/, found by this file's place.
func moduleRoot() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
