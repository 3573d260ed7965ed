package pipelines_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
)

// odd are texts that one of the parsers on the way may take for something else.
var odd = []string{
	"", "~", "0x1F", "1e3", "yes", "Off", "1_000", "017", "1:30", ".5", "=", "<<", "2001-01-01", "null", "a: b", "- a", "#c", "&a", "*a", "@x", "%x",
	"{{ .Release.Name }}", "${x}", "{name}", "line\nline\n", " lead", "trail ", "tab\there", "a\r\nb", "---", "...", "\u2028", "\u0085", "\x7f", "\ufeff",
	"ünï", "🙂", strings.Repeat("x", 300), "12345678901234567890", "../../etc/passwd", "kube-system",
}

// person writes specs without a plan.
type person struct {
	*rand.Rand
	// charts are the folders' names, and places the paths in the values of each, with what
	// stands there.
	charts []string
	places map[string][]place
}

type place struct {
	path  []string
	value any
}

func placesIn(value any, path []string) []place {
	mapping, _ := value.(map[string]any)
	var all []place
	for key, below := range mapping {
		at := slices.Concat(path, []string{key})
		all = append(append(all, place{at, below}), placesIn(below, at)...)
	}
	slices.SortFunc(all, func(a, b place) int { return slices.Compare(a.path, b.path) })
	return all
}

func (p person) oneIn(n int) bool { return p.IntN(n) == 0 }

func (p person) text() string { return odd[p.IntN(len(odd))] }

// like returns a value, most often of the kind that the chart has there.
func (p person) like(value any) any {
	others := []any{p.text(), p.oneIn(2), p.IntN(4), 1.5, nil, []any{}, map[string]any{}, []any{p.text()}, map[string]any{p.text(): p.text()}}
	if p.oneIn(4) {
		return others[p.IntN(len(others))]
	}
	switch value.(type) {
	case bool:
		return others[1]
	case float64:
		return others[2]
	case []any:
		return others[7]
	case map[string]any:
		return others[8]
	}
	return others[0]
}

func (p person) values(chart string) map[string]any {
	values := map[string]any{}
	for range p.IntN(4) {
		at := p.places[chart][p.IntN(len(p.places[chart]))]
		below := values
		for _, key := range at.path[:len(at.path)-1] {
			if _, ok := below[key].(map[string]any); !ok {
				below[key] = map[string]any{}
			}
			below = below[key].(map[string]any)
		}
		below[at.path[len(at.path)-1]] = p.like(at.value)
	}
	return values
}

func (p person) write(t *testing.T, repo fleettest.Repo, name string) {
	t.Helper()
	of := p.charts[p.IntN(len(p.charts))]
	spec := map[string]any{"chart": map[string]any{"path": "charts/" + of + ".tgz"}, "values": p.values(of)}
	if p.oneIn(3) {
		spec["ingress"] = map[string]any{"enabled": p.oneIn(2), "host": "{name}.example.com", "annotations": map[string]any{"example.com/a": p.text()}}
	}
	if p.oneIn(4) {
		spec["endpoint"] = map[string]any{"loadBalancer": map[string]any{"host": name + ".lb.example.com"}, "dns": map[string]any{"targets": []any{"10.0.0.1"}}}
	}
	if p.oneIn(4) {
		spec["argocd"] = map[string]any{"deletion": "cascade", "cluster": map[string]any{"labels": map[string]any{"a": p.text()}}}
	}
	text, err := yaml.Marshal(map[string]any{"apiVersion": "kasou/v1", "kind": "VirtualCluster", "metadata": map[string]any{"name": name}, "spec": spec})
	if err != nil { // of U+0085 and its like, which a person can write all the same
		text = fmt.Appendf(nil, "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: %s}\nspec: {values: {\"\\x85\": \"\\x85\"}}\n", name)
	}
	repo.Write(t, "clusters/"+name+"/spec.yaml", text)
}

// failing returns the names of the clusters with an error.
func failing(t *testing.T, r *report.Report) []string {
	t.Helper()
	if len(r.Unfinished) > 0 {
		fleettest.Print(t, r)
		t.Fatal("it has no finding, and is not finished")
	}
	var names []string
	for _, f := range r.Findings {
		if f.Severity == finding.Error && f.Cluster != "" {
			names = append(names, f.Cluster)
		}
		if f.Severity == finding.Error && strings.HasSuffix(f.File, "spec.yaml") && f.Line == 0 {
			t.Errorf("it has no place: %s", f)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// filesOf returns what is in the clusters folder, by path.
func filesOf(t *testing.T, repo fleettest.Repo) map[string]string {
	t.Helper()
	files := map[string]string{}
	root := os.DirFS(filepath.Join(repo.Root, "clusters"))
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(root, file)
		files[file] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// differing returns the paths of the files that are not the same in both. Of what is sealed
// no two are.
func differing(a, b map[string]string) []string {
	sealed := map[string]bool{"fleet.lock.yaml": true}
	for file, text := range a {
		if strings.Contains(text, "kind: SealedSecret\n") {
			folder, _, _ := strings.Cut(file, "/")
			sealed[file], sealed[folder+"/lock.yaml"] = true, true
		}
	}
	var files []string
	for _, one := range []map[string]string{a, b} {
		for file := range one {
			if a[file] != b[file] && !sealed[file] {
				files = append(files, file)
			}
		}
	}
	slices.Sort(files)
	return slices.Compact(files)
}

// settle builds, and takes away the clusters that cannot be built, until all are. What every
// build on the way leaves, a check finds as the build did, and another build leaves alone,
// with what the first one kept and without.
func settle(t *testing.T, repo fleettest.Repo, options pipelines.Options) {
	t.Helper()
	options.AllowPrune = true
	for range 6 {
		failed := failing(t, pipe(t, pipelines.Build, options))
		after := filesOf(t, repo)
		if checked := failing(t, pipe(t, pipelines.Check, options)); !slices.Equal(checked, failed) {
			t.Errorf("a build fails %v, and a check %v", failed, checked)
		}
		for _, noCache := range []bool{false, true} {
			again := options
			again.NoCache = noCache
			r := pipe(t, pipelines.Build, again)
			if failed2 := failing(t, r); !slices.Equal(failed2, failed) {
				t.Errorf("without what was kept %v: a build fails %v, and the next %v", noCache, failed, failed2)
			}
			if files := differing(after, filesOf(t, repo)); len(files) > 0 {
				t.Fatalf("without what was kept %v: the next build writes %v", noCache, files)
			}
		}
		if len(failed) == 0 {
			return
		}
		for _, name := range failed {
			if err := os.RemoveAll(filepath.Join(repo.Root, "clusters", name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatal("what is left cannot be built either")
}

// Whatever specs say, a build and a check agree on it, and the way to it does not matter:
// the tree is the one that a build from nothing writes.
func TestAnySpecs(t *testing.T) {
	forSeeds(t, 3, func(t *testing.T, p person) {
		p.charts, p.places = []string{"vcluster-0.4.3", "vcluster-0.19.7", "vcluster-k8s-0.19.7", "vcluster-0.30.0", "vcluster-0.36.1"}, map[string][]place{}
		repo, clean := fleettest.New(t, "1.34.1"), fleettest.New(t, "1.34.1")
		for _, name := range p.charts {
			archive := upstream.Chart(t, name)
			repo.Copy(t, "charts/"+name+".tgz", archive)
			clean.Copy(t, "charts/"+name+".tgz", archive)
			text, err := chart.Defaults(toolchain.Chart{Name: "vcluster", Archive: repo.Read(t, "charts/"+name+".tgz")})
			var values map[string]any
			if err := errors.Join(err, yaml.Unmarshal(text, &values)); err != nil {
				t.Fatal(err)
			}
			p.places[name] = placesIn(values, nil)
		}
		options := repo.Options(t, tools(t))
		names := make([]string, 12)
		for i := range names {
			names[i] = fmt.Sprint("c", i)
			p.write(t, repo, names[i])
		}
		settle(t, repo, options)
		for range 4 {
			p.write(t, repo, names[p.IntN(len(names))])
		}
		settle(t, repo, options)
		for file, text := range filesOf(t, repo) {
			if filepath.Base(file) == "spec.yaml" {
				clean.Write(t, "clusters/"+file, []byte(text))
			}
		}
		clean.Write(t, "clusters/sealed-secrets.crt", bytes.Clone(repo.Keys.Certificate))
		fleettest.MustPass(t, pipe(t, pipelines.Build, clean.Options(t, options.Toolchain)), nil)
		if files := differing(filesOf(t, repo), filesOf(t, clean)); len(files) > 0 {
			t.Errorf("a build from nothing writes these otherwise: %v", files)
		}
	})
}
