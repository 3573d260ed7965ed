package dagger

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/embedded"
)

// linked is the embedded toolchain with the versions that a program would
// report: a test binary does not know them.
// TestVersionsAreThoseOfTheEmbeddedToolchain holds them to a program's.
type linked struct{ *embedded.Toolchain }

func (linked) Versions(helm toolchain.HelmMajor) map[string]string {
	return (&Toolchain{}).Versions(helm)
}

// conform builds one fleet through both toolchains and wants the same findings
// and the same trees, with Secrets that unseal to the same.
func conform(t *testing.T, fill func(fleettest.Repo)) {
	t.Helper()
	d := connected(t)
	e, err := embedded.New(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = e.Close() }()
	first, second := fleettest.New(t, "1.34.1"), fleettest.New(t, "1.34.1")
	second.Keys = first.Keys
	second.Write(t, "clusters/sealed-secrets.crt", first.Keys.Certificate)
	want := built(t, first, linked{e}, fill)
	got := built(t, second, d, fill)
	if diff := cmp.Diff(said(want), said(got)); diff != "" {
		t.Errorf("findings (-embedded +dagger):\n%s", diff)
	}
	compareTrees(t, first.Keys, generated(t, first.Root), generated(t, second.Root))
	// What one toolchain wrote is what the other would write.
	r, err := pipelines.Check(t.Context(), first.Options(t, d))
	if err != nil {
		t.Fatal(err)
	}
	// Where a cluster failed, the fleet's lock is not written.
	fleetChanged := len(r.Fleet) > 0 && !want.Failed()
	if r.Count(report.Changed) > 0 || fleetChanged || len(r.Unfinished) > 0 {
		fleettest.Print(t, r)
		t.Error("dagger would change what embedded built")
	}
}

func built(t *testing.T, repo fleettest.Repo, tools toolchain.Toolchain, fill func(fleettest.Repo)) *report.Report {
	t.Helper()
	fill(repo)
	options := repo.Options(t, tools)
	options.Jobs = 8
	r, err := pipelines.Build(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range r.Unfinished {
		t.Errorf("%s could not finish %s: %s", tools.Name(), u.Cluster, u.Message)
	}
	return r
}

// said returns a report's findings as text.
func said(r *report.Report) []string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.String())
	}
	return all
}

// generated reads everything below clusters.
func generated(t *testing.T, root string) manifest.Files {
	t.Helper()
	files := manifest.Files{}
	dir := os.DirFS(filepath.Join(root, "clusters"))
	err := fs.WalkDir(dir, ".", func(name string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files[name], err = fs.ReadFile(dir, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func compareTrees(t *testing.T, keys sealtest.KeyPair, want, got manifest.Files) {
	t.Helper()
	if diff := cmp.Diff(want.Paths(), got.Paths()); diff != "" {
		t.Fatalf("files (-embedded +dagger):\n%s", diff)
	}
	var sealed []string
	for _, name := range want.Paths() {
		if isSealed(want[name]) {
			sealed = append(sealed, name)
			compareSealed(t, keys, name, want[name], got[name])
		}
	}
	for _, name := range want.Paths() {
		if slices.Contains(sealed, name) {
			continue
		}
		a, b := string(want[name]), string(got[name])
		if path.Base(name) == "lock.yaml" {
			a, b = without(a, sealed), without(b, sealed)
		}
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s (-embedded +dagger):\n%s", name, diff)
		}
	}
	t.Logf("%d files are the same, %d of them sealed", len(want), len(sealed))
}

// compareSealed holds two files with SealedSecrets against each other: the
// ciphertext and its tags differ by design.
func compareSealed(t *testing.T, keys sealtest.KeyPair, name string, want, got []byte) {
	t.Helper()
	a, b := documents(want), documents(got)
	if len(a) != len(b) {
		t.Errorf("%s: %d documents and %d", name, len(a), len(b))
		return
	}
	for i := range a {
		if !isSealed(a[i]) {
			if !bytes.Equal(a[i], b[i]) {
				t.Errorf("%s: document %d differs", name, i)
			}
			continue
		}
		if diff := cmp.Diff(keys.Unseal(t, a[i]), keys.Unseal(t, b[i])); diff != "" {
			t.Errorf("%s unseals to something else (-embedded +dagger):\n%s", name, diff)
		}
	}
}

// isSealed reports whether a document is a SealedSecret; an AppProject names the kind.
func isSealed(document []byte) bool { return sealedKind.Match(document) }

var sealedKind = regexp.MustCompile(`(?m)^kind: SealedSecret$`)

func documents(file []byte) [][]byte {
	return bytes.Split(bytes.TrimPrefix(file, []byte("---\n")), []byte("\n---\n"))
}

// without takes the lines of a lock away that hold the digest of a sealed file.
func without(lock string, sealed []string) string {
	var kept []string
	for line := range strings.Lines(lock) {
		if !slices.ContainsFunc(sealed, func(name string) bool { return strings.Contains(line, name+":") }) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestTheExampleIsTheSame(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	conform(t, func(repo fleettest.Repo) {
		for _, dir := range []string{"clusters", "charts"} {
			if err := os.CopyFS(filepath.Join(repo.Root, "new", dir), os.DirFS(filepath.Join(root, dir))); err != nil {
				t.Fatal(err)
			}
		}
		specs, err := filepath.Glob(filepath.Join(repo.Root, "new", "clusters", "*", "spec.yaml"))
		if err != nil || len(specs) == 0 {
			t.Fatalf("the example has no clusters: %v", err)
		}
		for _, spec := range specs {
			repo.Copy(t, "clusters/"+filepath.Base(filepath.Dir(spec))+"/spec.yaml", spec)
		}
		repo.Copy(t, "clusters/fleet.yaml", filepath.Join(repo.Root, "new", "clusters", "fleet.yaml"))
		if err := os.Rename(filepath.Join(repo.Root, "new", "charts"), filepath.Join(repo.Root, "charts")); err != nil {
			t.Fatal(err)
		}
	})
}

// variants are specs below `chart:`, some of which some charts refuse.
var variants = []string{
	"",
	"  ingress: {enabled: true, host: %s.example.com, className: nginx}\n",
	"  ingress: {enabled: true, host: %s.example.com, annotations: {a: b}}\n  namespace: ns-%[1]s\n  podSecurity: {enforce: baseline}\n",
	"  server: https://%s.example.com:6443\n  values: {enableHA: true}\n",
	"  server: https://%s.example.com\n  values: {controlPlane: {statefulSet: {highAvailability: {replicas: 3}}}}\n",
	"  server: https://%s.example.com\n  values: {nothing: {like: this}}\n",
}

func cluster(repo fleettest.Repo, t *testing.T, name, archive, variant string) {
	spec := "  chart: {path: charts/" + filepath.Base(archive) + "}\n"
	if strings.Contains(variant, "%") {
		variant = fmt.Sprintf(variant, name)
	}
	repo.Copy(t, "charts/"+filepath.Base(archive), archive)
	repo.Cluster(t, name, spec+variant)
}

func TestEveryUpstreamChartIsTheSame(t *testing.T) {
	archives := upstream.All(t)
	conform(t, func(repo fleettest.Repo) {
		for i, archive := range archives {
			for j, variant := range variants {
				cluster(repo, t, fmt.Sprintf("c%d-%d", i, j), archive, variant)
			}
		}
	})
}

func TestAHundredGeneratedSpecsAreTheSame(t *testing.T) {
	archives := upstream.All(t)
	conform(t, func(repo fleettest.Repo) {
		random := rand.New(rand.NewPCG(3, 2))
		for i := range 100 {
			name := fmt.Sprintf("g%d", i)
			spec := fmt.Sprintf("  namespace: n%d\n  serviceCIDR: 10.%d.0.0/16\n", random.IntN(1000)+1000*i, random.IntN(256))
			if random.IntN(2) == 0 {
				spec += fmt.Sprintf("  ingress: {enabled: true, host: %s.example.com, className: c%d}\n", name, random.IntN(9))
			} else {
				spec += fmt.Sprintf("  server: https://%s.example.com:%d\n", name, 1024+random.IntN(9999))
			}
			if random.IntN(3) == 0 {
				spec += fmt.Sprintf("  podSecurity: {enforce: %s}\n", []string{"privileged", "baseline", "restricted"}[random.IntN(3)])
			}
			if random.IntN(4) == 0 {
				spec += fmt.Sprintf("  argocd: {automated: %t, deletion: cascade}\n", random.IntN(2) == 0)
			}
			if random.IntN(3) == 0 {
				spec += fmt.Sprintf("  values: {sync: {%s: {enabled: %t}}}\n", []string{"nodes", "ingresses", "toHost"}[random.IntN(3)], random.IntN(2) == 0)
			}
			cluster(repo, t, name, archives[random.IntN(len(archives))], spec)
		}
	})
}
