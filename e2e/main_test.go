package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"kasou/e2e/internal/build"
	"kasou/e2e/internal/cluster"
	"kasou/e2e/internal/controller"
	"kasou/e2e/internal/pod"
	"kasou/pipelines/toolchain/embedded"
)

// version is a Kubernetes version that the tests run on.
type version struct {
	minor string
	// serviceCIDRs: it has the ServiceCIDR API.
	serviceCIDRs bool
}

// versions have the newest last.
var versions = []version{{minor: "1.30"}, {minor: "1.34", serviceCIDRs: true}}

var newest = versions[len(versions)-1]

// binaries are the built parts, by their folder.
var binaries = map[string]string{}

func TestMain(m *testing.M) {
	embedded.WorkerMain()
	flag.Parse()
	err := startWorld(context.Background())
	if err == nil {
		err = buildParts(context.Background())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		os.Exit(1)
	}
	code := m.Run()
	stopAll()
	os.Exit(code)
}

func buildParts(ctx context.Context) error {
	parts := []build.Part{build.Etcd, build.Controller}
	for _, v := range versions {
		parts = append(parts, build.APIServer(v.minor))
	}
	for _, part := range parts {
		binary, err := part.Binary(ctx, os.Stderr)
		if err != nil {
			return err
		}
		binaries[part.Module] = binary
	}
	return nil
}

// environment is a host with its controller: several tests share it.
type environment struct {
	version version
	host    *cluster.Cluster
	// controller is nil where it cannot run; noController says why.
	controller   *controller.Controller
	noController error
}

var (
	runningMu sync.Mutex
	running   []func()
	hosts     = map[string]func() (*environment, error){}
)

func init() {
	for _, v := range versions {
		hosts[v.minor] = sync.OnceValues(func() (*environment, error) { return startHost(v) })
	}
}

// hostOf returns the running host of a version, the same to every test.
func hostOf(t *testing.T, v version) *environment {
	t.Helper()
	env, err := hosts[v.minor]()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(env.host.Logs())
		}
	})
	return env
}

// sealing returns the host's controller, or skips with the reason.
func (e *environment) sealing(t *testing.T) *controller.Controller {
	t.Helper()
	if errors.Is(e.noController, pod.ErrNoNamespaces) {
		t.Skipf("SKIPPED: %v", e.noController)
	}
	if e.noController != nil {
		t.Fatal(e.noController)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(e.controller.Logs())
		}
	})
	return e.controller
}

func startHost(v version) (*environment, error) {
	e := &environment{version: v}
	var err error
	if e.host, err = startCluster(cluster.Options{Name: "host", ServiceCIDR: "10.96.0.0/16"}, v); err != nil {
		return nil, err
	}
	ctx := context.Background()
	module, err := build.Controller.Folder(ctx)
	if err != nil {
		return nil, err
	}
	definition := filepath.Join(module, "helm", "sealed-secrets", "crds", "bitnami.com_sealedsecrets.yaml")
	e.controller, e.noController = controller.Start(ctx, e.host, binaries[build.Controller.Module], definition)
	if e.noController == nil {
		atEnd(e.controller.Stop)
	}
	return e, nil
}

// startCluster runs a cluster until the tests end.
func startCluster(o cluster.Options, v version) (*cluster.Cluster, error) {
	o.Etcd, o.APIServer = binaries[build.Etcd.Module], binaries[build.APIServer(v.minor).Module]
	o.Name += "-" + v.minor
	c, err := cluster.Start(o)
	if err == nil {
		atEnd(c.Stop)
	}
	return c, err
}

func atEnd(stop func()) {
	runningMu.Lock()
	defer runningMu.Unlock()
	running = append(running, stop)
}

func stopAll() {
	runningMu.Lock()
	defer runningMu.Unlock()
	for i := len(running) - 1; i >= 0; i-- {
		running[i]()
	}
}

// onEveryVersion runs a test for each Kubernetes version.
func onEveryVersion(t *testing.T, test func(*testing.T, *environment)) {
	t.Helper()
	for _, v := range versions {
		t.Run(v.minor, func(t *testing.T) { test(t, hostOf(t, v)) })
	}
}
