package pipelines_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/pipelines"
	"kasou/pipelines/report"
)

// hand edits a repository without a plan, between builds.
type hand struct {
	*rand.Rand
	t     *testing.T
	repo  fleettest.Repo
	names []string
	// old are trees of before, good those without an error, to which a revert goes back, and
	// caches what the cache was.
	old, good, caches []map[string]string
	keys              []sealtest.KeyPair
	sealKey           string
	done              []string
	// failed says that the last build had an error, and saved counts the renders that the
	// cache has saved.
	failed bool
	saved  int64
}

// specs and shared are what specs and fleet.yaml have below spec, and extras what stands in a
// cluster's extra folder.
var (
	specs = []string{
		"", "  # said\n", "  values: {a: 1}\n", "  values: {a: 1.0}\n", "  values: {a: \"1\"}\n", "  values: {a: yes}\n", "  values: {a: 2}\n", "  class: small\n", "  class: large\n",
		"  namespace: shared\n  shareNamespace: true\n", "  server: https://{name}.example.com\n", "  ingress: {enabled: true}\n", "  nonsense: 1\n",
		"  allow: [{kind: ConfigMap, namespace: one}]\n", "  argocd: {project: own}\n", "  argocd: {deletion: cascade}\n", "  retire: true\n", "  podSecurity: {enforce: restricted}\n",
		"  values: {secret: new}\n",
	}
	shared = []string{
		"", "  # said\n", "  defaults: {values: {a: 3}}\n", "  defaults: {values: {b: {c: d}}, argocd: {deletion: cascade}}\n", "  classes: {small: {values: {a: 5}}, large: {extends: small, values: {b: 1}}}\n",
		"  classes: {small: {values: {a: 6}}, large: {values: {b: 1}}}\n", "  argocd: {projects: [default, {name: own, generated: true}]}\n", "  schemas: [crds]\n", "  silence: [{rule: vcluster-unknown-chart, reason: ours}]\n",
	}
	extras = []string{
		"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: one}\n",
		"apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n", "kind: [\n",
		"apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: two.example.com}]}\n",
	}
)

func pick[T any](h *hand, of []T) T { return of[h.IntN(len(of))] }

// step makes one edit, and returns what it was.
func (h *hand) step() string {
	name := pick(h, h.names)
	folder := "clusters/" + name + "/"
	switch h.IntN(18) {
	case 0, 1, 2, 3:
		spec := "  chart: {path: charts/" + pick(h, []string{"c", "c", "d"}) + "}\n" + pick(h, specs)
		h.repo.Cluster(h.t, name, spec)
		return "spec of " + name + ": " + spec
	case 4:
		return "fleet.yaml: " + h.fleet()
	case 5:
		other := pick(h, h.names)
		if data, err := os.ReadFile(filepath.Join(h.repo.Root, "clusters", other, "spec.yaml")); err == nil {
			h.repo.Write(h.t, folder+"spec.yaml", []byte(strings.Replace(string(data), "name: "+other+"}", "name: "+name+"}", 1)))
		}
		return "spec of " + other + " to " + name
	case 6, 7, 8:
		return h.file(func(file string) bool {
			return strings.HasPrefix(file, folder) || strings.HasPrefix(file, "clusters/root/"+name)
		})
	case 9:
		return h.file(func(file string) bool { return strings.HasSuffix(file, "lock.yaml") })
	case 10:
		text := pick(h, extras)
		h.repo.Write(h.t, folder+"extra/"+pick(h, []string{"a", "b"})+".yaml", []byte(text))
		return "extra of " + name + ": " + text
	case 11:
		_ = os.RemoveAll(filepath.Join(h.repo.Root, filepath.FromSlash(folder), pick(h, []string{"extra", "manifests", "spec.yaml", "."})))
		return "a part of " + name + " goes"
	case 12:
		h.repo.Write(h.t, "charts/c/templates/config.yaml", []byte(strings.Replace(configSecret, "data:", "# "+strconv.Itoa(h.IntN(2))+"\ndata:", 1)))
		return "chart c"
	case 13:
		h.repo.Write(h.t, "crds/widget.yaml", []byte(widgets(pick(h, []string{"Namespaced", "Cluster"}))))
		return "crds"
	case 14:
		h.repo.Write(h.t, "clusters/sealed-secrets.crt", pick(h, h.keys).Certificate)
		return "certificate"
	case 15:
		h.sealKey = pick(h, []string{"", sealKey, sealKey})
		return "key"
	case 16:
		return h.revert()
	}
	h.put(pick(h, h.caches), ".cache/built/")
	return "an older cache"
}

func (h *hand) revert() string {
	if len(h.good) == 0 {
		return "nothing"
	}
	h.put(pick(h, h.good), "clusters/", "charts/", "crds/")
	return "revert"
}

func widgets(scope string) string {
	return "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  scope: " + scope + "\n" +
		"  names: {kind: Widget, plural: widgets}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]\n"
}

func (h *hand) fleet() string {
	text := "apiVersion: kasou/v1\nkind: Fleet\nspec:\n  repository: {url: \"https://git.example.com/platform.git\"}\n" +
		"  host: {kubernetesVersion: " + pick(h, []string{"1.34.1", "1.34.1", "1.33.1"}) + ", serviceCIDR: 10.96.0.0/16}\n" +
		"  sealing: {certificate: sealed-secrets.crt" + pick(h, []string{"", ", publicKey: \"" + publicHalf(h.t, sealKey) + "\""}) + "}\n"
	for at := range shared {
		if h.IntN(3) == 0 {
			text += shared[at]
		}
	}
	h.repo.Write(h.t, "clusters/fleet.yaml", []byte(text))
	return text
}

// file edits one of the files for which of holds: by a line more or less, by its whole text
// of before, or it goes.
func (h *hand) file(of func(file string) bool) string {
	files := slices.DeleteFunc(slices.Sorted(maps.Keys(h.tree("clusters/"))), func(file string) bool { return !of(file) })
	if len(files) == 0 {
		return "nothing"
	}
	file := pick(h, files)
	at := filepath.Join(h.repo.Root, filepath.FromSlash(file))
	data := string(h.repo.Read(h.t, file))
	switch h.IntN(5) {
	case 0:
		_ = os.Remove(at)
		return file + " goes"
	case 1:
		h.repo.Write(h.t, file, []byte(data+"# x\n"))
	case 2:
		h.repo.Write(h.t, file, []byte(data[:h.IntN(len(data)+1)]))
	default:
		before := pick(h, h.old)[file]
		h.repo.Write(h.t, file, []byte(before))
		return file + " as it was"
	}
	return file + " edited"
}

// tree returns the files below folders of the repository, by path.
func (h *hand) tree(folders ...string) map[string]string {
	return treeOf(h.t, h.repo.Root, folders...)
}

func treeOf(t *testing.T, root string, folders ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, filepath.FromSlash(folder)), func(file string, d os.DirEntry, err error) error {
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(file)
			rel, _ := filepath.Rel(root, file)
			files[filepath.ToSlash(rel)] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func (h *hand) put(files map[string]string, folders ...string) {
	for _, folder := range folders {
		_ = os.RemoveAll(filepath.Join(h.repo.Root, filepath.FromSlash(folder)))
	}
	for file, text := range files {
		if slices.ContainsFunc(folders, func(folder string) bool { return strings.HasPrefix(file, folder) }) {
			h.repo.Write(h.t, file, []byte(text))
		}
	}
}

// outcome is what a build left and said. Of what is sealed anew, that it was.
func (h *hand) outcome(root string, before map[string]string, r *report.Report) map[string]string {
	all := treeOf(h.t, root, "clusters/")
	sealed := map[string]bool{}
	for file, text := range all {
		if strings.Contains(text, "kind: SealedSecret\n") && text != before[file] {
			all[file] = "sealed anew"
			sealed["clusters/"+ownerOf(file)+"/lock.yaml"] = true
		}
	}
	for file := range sealed {
		all[file] = "with another digest"
	}
	for i, f := range r.Findings {
		all[fmt.Sprintf("finding %03d", i)] = f.String()
	}
	return all
}

func ownerOf(file string) string {
	name := strings.Split(file, "/")[1]
	if name == "root" {
		name, _, _ = strings.Cut(strings.Split(file, "/")[2], ".")
	}
	return name
}

// build builds, in the repository by the cache and in a copy of it without one.
func (h *hand) build() {
	h.t.Helper()
	before := h.tree("clusters/")
	other := fleettest.Repo{Root: h.t.TempDir()}
	if out, err := exec.Command("cp", "-a", h.repo.Root+"/.", other.Root).CombinedOutput(); err != nil {
		h.t.Fatalf("%v: %s", err, out)
	}
	defer os.RemoveAll(other.Root)
	var names []string
	shard := pipelines.Shard{}
	switch h.IntN(6) {
	case 0:
		names = []string{pick(h, h.names)}
	case 1:
		shard = pipelines.Shard{Index: 1 + h.IntN(2), Count: 2}
	}
	run := func(repo fleettest.Repo, noCache bool) (map[string]string, int64) {
		tools := &counting{Toolchain: tools(h.t)}
		o := repo.Options(h.t, tools)
		o.Names, o.Shard, o.SealKey, o.NoCache, o.AllowPrune = names, shard, h.sealKey, noCache, true
		r, err := pipelines.Build(h.t.Context(), o)
		if err != nil {
			return map[string]string{"error": strings.ReplaceAll(err.Error(), repo.Root, "")}, 0
		}
		h.failed = r.Failed()
		return h.outcome(repo.Root, before, r), tools.renders.Load()
	}
	got, few := run(h.repo, false)
	want, all := run(other, true)
	h.saved += all - few
	h.done = append(h.done, fmt.Sprintf("build %v %v", names, shard))
	for _, file := range slices.Sorted(maps.Keys(want)) {
		if got[file] != want[file] {
			h.t.Errorf("%s: with the cache\n%s\nwithout\n%s", file, got[file], want[file])
		}
	}
	for file, text := range got {
		if _, there := want[file]; !there {
			h.t.Errorf("%s is there with the cache alone: %s", file, text)
		}
	}
	h.old = append(h.old, h.tree("clusters/", "charts/", "crds/"))
	if !h.failed {
		h.good = append(h.good, h.old[len(h.old)-1])
	}
	h.caches = append(h.caches, h.tree(".cache/built/"))
}

// TestTheCacheLeavesNothing edits a repository at random between builds, and takes edits back:
// each build by the cache leaves, and says, what one without it does.
func TestTheCacheLeavesNothing(t *testing.T) {
	seeds, from := uint64(2), uint64(0)
	if text := os.Getenv("KASOU_TEST_SEEDS"); text != "" {
		if _, err := fmt.Sscanf(text, "%d-%d", &from, &seeds); err != nil {
			t.Fatal(err)
		}
	}
	for seed := from; seed < seeds; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			h := &hand{Rand: rand.New(rand.NewPCG(seed, 1)), t: t, repo: fleettest.New(t, "1.34.1"), names: []string{"one", "two", "three"}, sealKey: sealKey}
			h.keys = []sealtest.KeyPair{h.repo.Keys, h.repo.Keys, sealtest.NewKeyPair(t)}
			for _, name := range []string{"c", "d"} {
				h.repo.Write(t, "charts/"+name+"/Chart.yaml", []byte("apiVersion: v2\nname: "+name+"\nversion: 1.0.0\n"))
			}
			h.repo.Write(t, "charts/c/templates/config.yaml", []byte(configSecret))
			h.repo.Write(t, "charts/d/templates/a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"{{ .Release.Name }}\"}\ndata: {values: {{ toJson .Values | quote }}}\n"))
			h.repo.Write(t, "crds/widget.yaml", []byte(widgets("Namespaced")))
			for _, name := range h.names {
				h.repo.Cluster(t, name, "  chart: {path: charts/d}\n")
			}
			h.build()
			for range 30 {
				if h.failed && h.IntN(4) > 0 {
					h.done = append(h.done, h.revert())
				}
				for range 1 + h.IntN(3) {
					h.done = append(h.done, h.step())
				}
				h.build()
				if t.Failed() {
					t.Fatalf("after:\n%s", strings.Join(h.done, "\n"))
				}
			}
			if h.saved < 10 {
				t.Errorf("the cache has saved %d renders alone", h.saved)
			}
		})
	}
}
