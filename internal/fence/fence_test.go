// Package fence holds the imports to the plan of the house, docs/layout.md, and comments to its style.
package fence

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

// heavy says which packages may import a library, by the path prefixes of
// both. Test files count too, but for the few that test against the real tool.
var heavy = map[string][]string{
	"helm.sh/helm":                           {"pipelines/chart", "pipelines/render", "pipelines/toolchain"},
	"dagger.io/dagger":                       {"pipelines/toolchain/dagger"},
	"go.opentelemetry.io":                    {"pipelines/toolchain/dagger"},
	"github.com/bitnami-labs":                {"pipelines/seal", "pipelines/toolchain", "internal/sealtest"},
	"github.com/yannh/kubeconform":           {"pipelines/conform", "pipelines/toolchain"},
	"k8s.io/pod-security-admission":          {"pipelines/policy"},
	"k8s.io/client-go":                       {"pipelines/host"},
	"github.com/sethvargo":                   {"pipelines/report"},
	"github.com/spf13/cobra":                 {"internal/cli"},
	"github.com/santhosh-tekuri":             {"pipelines/fleet", "pipelines/conform", "pipelines/render", "pipelines/toolchain", "pipelines/report"},
	"oras.land/oras-go":                      {"pipelines/chart"},
	"github.com/google/go-containerregistry": {"pipelines/chart"},
	"github.com/google/go-github":            {"pipelines/tracker"},
}

// values are the packages that any stage may import.
var values = []string{"difference", "exposure", "finding", "position", "fleet", "tree", "manifest", "layout", "lockfile", "toolchain", "credential", "cache", "nofollow"}

// below says what a package may import of kasou beyond the values: a stage nothing
// but its own parts, toolchain what runs the tools, and the rooms between pipelines
// and the stages those that they bring together. A room stands below those that
// import it: no import leads back.
var below = map[string][]string{
	"toolchain": {"render", "seal", "conform"},
	"trust":     {"argocd", "history", "seal"},
	"workspace": {"chart", "conform", "history", "host", "report", "seal", "trust"},
	"baseline":  {"argocd", "chart", "history", "report", "transition", "workspace"},
	"origin":    {"conform", "render", "vcluster"},
	"register":  {"argocd", "host", "report", "seal", "vcluster", "workspace"},
	"retire":    {"argocd", "host", "report", "transition", "workspace"},
	"fleetwide": {"argocd", "conform", "report", "workspace"},
	"cluster": {"argocd", "baseline", "conform", "extra", "host", "origin", "policy", "register", "render", "report", "seal",
		"vcluster", "workspace"},
	"drift": {"argocd", "chart", "cluster", "credential", "fleetwide", "history", "host", "live", "register", "report", "retire", "seal",
		"workspace"},
	"handmade": {"argocd"},
	"publish":  {"report"},
	"doctor":   {"conform", "history", "host", "report", "workspace"},
	"pin":      {"chart", "host", "report", "seal", "workspace"},
	"upgrade":  {"baseline", "chart", "history", "report", "transition", "workspace"},
}

// own begins the paths of kasou's packages, as packages returns them.
const own = "kasou/"

type pkg struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	list := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	list.Dir = "../.."
	out, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	// Whatever the module's path is, its packages are kasou here.
	module, err := exec.Command("go", "list", "-m").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	path := `"` + strings.TrimSpace(string(module))
	out = []byte(strings.NewReplacer(path+`"`, `"kasou"`, path+"/", `"kasou/`).Replace(string(out)))
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found only %d packages", len(all))
	}
	return all
}

func within(name string, prefixes ...string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool {
		return name == p || strings.HasPrefix(name, p+"/")
	})
}

func TestHeavyLibrariesStayBehindTheirDoors(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, own)
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for library, doors := range heavy {
				if within(imported, library) && !within(name, doors...) {
					t.Errorf("%s imports %s; only %s may", name, imported, strings.Join(doors, ", "))
				}
			}
		}
	}
}

func TestStagesDoNotImportEachOther(t *testing.T) {
	for _, p := range packages(t) {
		rest, ok := strings.CutPrefix(p.ImportPath, own+"pipelines/")
		if !ok {
			continue
		}
		stage, _, _ := strings.Cut(rest, "/")
		for _, imported := range p.Imports {
			other, ok := strings.CutPrefix(imported, own+"pipelines/")
			if !ok {
				continue
			}
			target, _, _ := strings.Cut(other, "/")
			if target != stage && !slices.Contains(slices.Concat(values, below[stage]), target) {
				t.Errorf("%s imports the stage %s", p.ImportPath, target)
			}
		}
	}
}

// What writes the clusters folder is for who plans or opens it, or reads what a person keeps
// in it: everybody else asks tree.
func TestOnlyTheWorkspaceAndTreeReachTheDisk(t *testing.T) {
	doors := []string{"pipelines", "pipelines/extra", "pipelines/tree", "pipelines/workspace", "internal/fleettest/treetest"}
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, own)
		if slices.Contains(p.Imports, own+"pipelines/tree/disk") && !slices.Contains(doors, name) {
			t.Errorf("%s imports pipelines/tree/disk; only %s may", name, strings.Join(doors, ", "))
		}
	}
}

func TestImportsGoDown(t *testing.T) {
	ranks := []string{"kasou", own + "ci", own + "internal/cli", own + "pipelines"}
	for _, p := range packages(t) {
		rank := slices.Index(ranks, p.ImportPath)
		if rank < 0 && within(p.ImportPath, own+"pipelines") {
			rank = len(ranks)
		}
		for _, imported := range p.Imports {
			if target := slices.Index(ranks, imported); rank >= 0 && target >= 0 && target <= rank {
				t.Errorf("%s imports %s, which is above it", path.Base(p.ImportPath), imported)
			}
		}
	}
}
