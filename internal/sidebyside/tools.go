package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
)

// tools are the paths of the programs that are timed.
type tools struct{ kasou, helm, kubeseal, kubeconform string }

// buildTools compiles kasou and the tools of go.mod's tool directives into dir:
// the same versions as those that are linked into kasou, and all without cgo, as
// their projects release them: a program that loads no libraries starts faster.
func buildTools(ctx context.Context, dir string) (tools, error) {
	own, ok := debug.ReadBuildInfo()
	if !ok {
		return tools{}, errors.New("this program does not say which module it is of")
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), own.Main.Path,
		"helm.sh/helm/v3/cmd/helm", "github.com/bitnami-labs/sealed-secrets/cmd/kubeseal", "github.com/yannh/kubeconform/cmd/kubeconform")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return tools{}, fmt.Errorf("go build: %w\n%s", err, out)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return tools{kasou: at("kasou"), helm: at("helm"), kubeseal: at("kubeseal"), kubeconform: at("kubeconform")}, nil
}
