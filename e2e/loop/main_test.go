package loop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"kasou/e2e/internal/build"
	"kasou/e2e/internal/network"
	"kasou/e2e/internal/pod"
)

// programs are the files that the story needs. They are made and looked up with
// the network of the machine, and used without it.
type programs struct {
	Kasou, Git, Redis                                                  string
	Etcd, APIServer, ControllerManager, Kine, VCluster, VClusterBefore string
	SealedSecrets, SealedSecretsFolder                                 string
	ArgoCD, ArgoCDFolder                                               string
	Charts                                                             string
	// ChartBefore is the chart of VClusterBefore, a folder, and Before their version.
	ChartBefore, Before, Kubernetes string
	// OldAPIServer is that of the second host, and OldKubernetes its version.
	OldAPIServer, OldKubernetes string
}

// inside is the variable by which the tests know that they have their own network:
// it has the programs.
const inside = "KASOU_E2E_LOOP"

// missing is why the story cannot be told here; nil where it can.
var missing error

var tools programs

// TestMain makes the programs, and runs the tests in a network and with a host
// table of their own.
func TestMain(m *testing.M) {
	ctx := context.Background()
	if text := os.Getenv(inside); text != "" {
		must(json.Unmarshal([]byte(text), &tools))
		must(network.Enter("git.example.com", "dev.k8s.example.com"))
		code := m.Run()
		stop()
		os.Exit(code)
	}
	if missing = tools.make(ctx); missing == nil {
		missing = pod.Try()
	}
	if missing != nil {
		if !errors.Is(missing, errSkip) && !errors.Is(missing, pod.ErrNoNamespaces) && !errors.Is(missing, build.ErrTooLate) {
			must(missing)
		}
		fmt.Fprintln(os.Stderr, "SKIPPED: the fleet on a real Argo CD:", missing)
		os.Exit(m.Run())
	}
	os.Exit(again())
}

// again runs this program once more, in a network of its own, and returns its
// exit code. The other one does not outlive this one.
func again() int {
	text, err := json.Marshal(tools)
	must(err)
	runtime.LockOSThread() // the signal at the parent's death is of its thread
	cmd := network.Own(exec.Command(os.Args[0], os.Args[1:]...))
	cmd.Env = append(os.Environ(), inside+"="+string(text))
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	var ended *exec.ExitError
	if err := cmd.Run(); errors.As(err, &ended) {
		return max(1, ended.ExitCode())
	} else {
		must(err)
	}
	return 0
}

// errSkip is a program that the machine does not have, and that no module brings.
var errSkip = errors.New("not here")

// make builds the programs, or finds them.
func (p *programs) make(ctx context.Context) error {
	var err error
	for _, command := range []struct {
		path *string
		name string
		hint string
	}{
		{&p.Redis, "redis-server", "install redis-server"}, {&p.Git, "git", "install git"},
		{new(string), "gcc", "install gcc and libc6-dev: SQLite, in which the vcluster keeps its data, is C"},
	} {
		if *command.path, err = exec.LookPath(command.name); err != nil {
			return fmt.Errorf("%s is %w: %s", command.name, errSkip, command.hint)
		}
	}
	if p.Charts = os.Getenv("KASOU_UPSTREAM_CHARTS"); p.Charts == "" {
		return fmt.Errorf("the charts are %w: set KASOU_UPSTREAM_CHARTS to a folder with vcluster-0.36.1.tgz", errSkip)
	}
	server, old := build.APIServer("1.34"), build.APIServer("1.30")
	for _, part := range []struct {
		path *string
		part build.Part
	}{
		{&p.Etcd, build.Etcd}, {&p.APIServer, server}, {&p.OldAPIServer, old}, {&p.SealedSecrets, build.Controller},
		{&p.ControllerManager, build.ControllerManager}, {&p.Kine, build.Kine}, {&p.ArgoCD, build.ArgoCD}, {&p.VCluster, build.VCluster},
		{&p.VClusterBefore, build.VClusterBefore},
	} {
		if *part.path, err = part.part.Binary(ctx, os.Stderr); err != nil {
			return err
		}
	}
	for _, v := range []struct {
		version *string
		part    build.Part
	}{{&p.Kubernetes, server}, {&p.OldKubernetes, old}, {&p.Before, build.VClusterBefore}} {
		if *v.version, err = v.part.Version(); err != nil {
			return err
		}
	}
	if err := p.folders(ctx); err != nil {
		return err
	}
	if newer := os.Getenv("KASOU_E2E_ARGOCD"); newer != "" {
		p.ArgoCD, p.ArgoCDFolder = filepath.Join(newer, "argocd"), newer
	}
	p.Kasou, err = build.Kasou(ctx)
	return err
}

// folders finds what comes with the programs in their modules.
func (p *programs) folders(ctx context.Context) (err error) {
	if p.SealedSecretsFolder, err = build.Controller.Folder(ctx); err != nil {
		return err
	}
	if p.ArgoCDFolder, err = build.ArgoCD.Folder(ctx); err != nil {
		return err
	}
	before, err := build.VClusterBefore.Folder(ctx)
	if err != nil {
		return err
	}
	p.ChartBefore = filepath.Join(before, "chart")
	p.Before = strings.TrimPrefix(p.Before, "v")
	return nil
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e/loop:", err)
		os.Exit(1)
	}
}

// stop ends all that runs, the last first.
func stop() {
	for i := len(running) - 1; i >= 0; i-- {
		running[i]()
	}
}

var running []func()
