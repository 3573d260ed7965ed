package dagger

import (
	_ "embed"
	"maps"
	"slices"
	"strings"

	"kasou/pipelines/toolchain"
)

// The tools are built in a module that is kasou's own without its packages, so
// that they have kasou's versions and its checksums wherever kasou runs. The
// copies are here because a package cannot embed what stands above it; a test
// holds them to the originals.
//
//go:generate cp ../../../go.mod tools/go.mod.txt
//go:generate cp ../../../go.sum tools/go.sum.txt
//go:generate go test . -run ^TestDigestsAreThoseOfTheModule$ -update

//go:embed tools/go.mod.txt
var goMod string

//go:embed tools/go.sum.txt
var goSum string

// digests are the SHA-256 of the tools, for each platform that containers mostly
// have, as recordedGo builds them: lines of platform, name and digest. Builds are
// reproducible, so anybody can make this file, and a test does.
//
//go:embed tools/digests.txt
var digests string

// recordedGo is the version of Go that digests are of.
const recordedGo = "go1.26.8"

// recorded returns the digest of a tool in the module, or "".
func recorded(compiler, platform, name string) string {
	if compiler != recordedGo {
		return ""
	}
	for line := range strings.Lines(digests) {
		if digest, ok := strings.CutPrefix(strings.TrimSpace(line), platform+" "+name+" "); ok {
			return digest
		}
	}
	return ""
}

// tool is one of go.mod's tool directives.
type tool struct{ module, command string }

var tools = map[string]tool{
	"helm":        {"helm.sh/helm/v3", "helm.sh/helm/v3/cmd/helm"},
	helm4Tool:     {"helm.sh/helm/v4", "helm.sh/helm/v4/cmd/helm"},
	"kubeconform": {"github.com/yannh/kubeconform", "github.com/yannh/kubeconform/cmd/kubeconform"},
	"kubeseal":    {"github.com/bitnami-labs/sealed-secrets", "github.com/bitnami-labs/sealed-secrets/cmd/kubeseal"},
}

// helm4Tool renders where fleet.yaml says helm: 4.
const helm4Tool = "helm4"

// batchTool is the program of package batch, built like the tools and beside
// them.
const batchTool = "batch"

func toolNames() []string { return slices.Sorted(maps.Keys(tools)) }

// required returns a module's version in go.mod.
func required(module string) string {
	for line := range strings.Lines(goMod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == module {
			return fields[1]
		}
	}
	return "unknown"
}

// Versions returns each tool's module version, the same as the embedded
// toolchain's; for a tool with an image, the image.
func (t *Toolchain) Versions(helm toolchain.HelmMajor) map[string]string {
	versions := map[string]string{}
	for name, tool := range tools {
		versions[name] = required(tool.module)
	}
	maps.Copy(versions, t.opts.Images)
	if helm == toolchain.Helm4 {
		versions["helm"] = versions[helm4Tool]
	}
	delete(versions, helm4Tool)
	return versions
}
