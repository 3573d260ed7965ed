package pipelines_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/pipelines"
	"kasou/pipelines/conform"
	"kasou/pipelines/drift"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/policy"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/trust"
	"kasou/pipelines/workspace"
)

// Argo CD fetches submodules, and a checkout in CI does not: an empty folder hides
// whatever they hold.
func TestASubmoduleInTheClustersFolder(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	evil := fleettest.Repo{Root: t.TempDir()}
	evil.Write(t, "pod.yaml", []byte("apiVersion: v1\nkind: Pod\nmetadata: {name: evil}\n"))
	evil.Commit(t)
	const at = "clusters/one/manifests/debug"
	repo.Git(t, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", evil.Root, at)
	repo.Git(t, "submodule", "--quiet", "deinit", "--force", "--all")
	repo.Commit(t)
	if entries, err := os.ReadDir(filepath.Join(repo.Root, at)); err != nil || len(entries) > 0 {
		t.Fatalf("the working copy has the submodule: %v, %v", entries, err)
	}
	found(t, pipe(t, pipelines.Check, checker), tree.RuleSubmodule, finding.Error)
	found(t, pipe(t, pipelines.Build, builder), tree.RuleSubmodule, finding.Error)
}

func TestSubmodules(t *testing.T) {
	repo, _, checker, _ := signed(t)
	for name, test := range map[string]struct {
		modules string
		fails   bool
	}{
		"beside the clusters folder":  {"[submodule \"a\"]\n\tpath = charts/vcluster\n\turl = x\n", false},
		"in a folder left alone":      {"[submodule \"a\"]\n\tpath = clusters/_charts\n\turl = x\n", false},
		"a name that begins alike":    {"[submodule \"a\"]\n\tpath = clusters-of-others\n", false},
		"no path":                     {"[submodule \"a\"]\n\turl = clusters/one\n", false},
		"in quotes, over two lines":   {"[submodule \"a\"] path = \"clus\\\nters/root/a\"\n", true},
		"a way around":                {"[submodule \"a\"]\n\tpath = charts/../clusters//one/manifests\n", true},
		"the second":                  {"[submodule \"a\"]\npath = b\n[submodule \"c\"]\npath = clusters/one\n", true},
		"behind a remark":             {"# path = clusters/one\n[submodule \"a\"]\r\n\tPath = \"clusters/one\" ; path\r\n", true},
		"in a remark":                 {"# path = clusters/one\n", false},
		"behind a remark's backslash": {"; a remark \\\n[submodule \"a\"]\n\tpath = clusters/one\n", true},
		"behind a value's backslash":  {"[submodule \"a\"]\n\turl = x\\\\\n\tpath = clusters/one\n", true},
		"behind a section's bracket":  {"[submodule \"a]\\\"b\"]path=clusters/one\n", true},
		"behind a byte order mark":    {"\ufeff[submodule \"a\"] path = clusters/one\n", true},
		"in parts":                    {"[submodule \"a\"]\n\tpath = clu\"sters\"/one\n", true},
		"what git submodule writes":   {"[submodule \"a b\"]\n\tpath = charts/a b\n\turl = https://user@example.com/a.git?x=y\n\tbranch = main\n\tshallow\n\n[submodule \"c#d\"]\n\tpath = \"charts/c#d\"\n\turl = ../c\n", false},
	} {
		repo.Write(t, ".gitmodules", []byte(test.modules))
		r := pipe(t, pipelines.Check, checker)
		if r.Failed() != test.fails || has(r, tree.RuleSubmodule) != test.fails {
			fleettest.Print(t, r)
			t.Errorf("%s: failed %v", name, r.Failed())
		}
	}
}

// Two fleets of one repository whose objects Argo CD would mix up are told: those that git
// has, up to three folders deep.
func TestTwoFleetsOfOneRepository(t *testing.T) {
	repo, _, checker, _ := signed(t)
	text := repo.Read(t, "clusters/fleet.yaml")
	for place, told := range map[string]bool{"eu": true, "a/b/clusters": true, "a/b/c/clusters": false, ".eu": false, "a/.b/clusters": false} {
		repo.Write(t, place+"/fleet.yaml", text)
		if r := pipe(t, pipelines.Check, checker); has(r, fleet.RuleTwoFleets) {
			t.Errorf("%s: told before git has it", place)
		}
		repo.Git(t, "add", place)
		if r := pipe(t, pipelines.Check, checker); has(r, fleet.RuleTwoFleets) != told {
			t.Errorf("%s: told %v", place, !told)
		}
		repo.Git(t, "rm", "-qrf", place)
	}
}

// What keeps Argo CD from reading the repository at all is told, wherever it is.
func TestWhatKeepsArgoCDFromTheRepository(t *testing.T) {
	repo, _, checker, _ := signed(t)
	for target, told := range map[string]bool{
		"/etc/hosts": true, "../../outside": true, "../../" + filepath.Base(repo.Root) + "/docs/a": true, "a": false, "../clusters/fleet.yaml": false, "./..": false, "missing": false,
	} {
		if err := errors.Join(os.MkdirAll(filepath.Join(repo.Root, "docs"), 0o755), os.Symlink(target, filepath.Join(repo.Root, "docs", "link"))); err != nil {
			t.Fatal(err)
		}
		repo.Git(t, "add", "docs")
		if r := pipe(t, pipelines.Check, checker); has(r, workspace.RuleLink) != told {
			t.Errorf("%s: told %v", target, !told)
		}
		repo.Git(t, "rm", "-qrf", "docs")
	}
	submodule := func(told bool) {
		t.Helper()
		if r := pipe(t, pipelines.Check, checker); has(r, workspace.RuleSubmodule) != told {
			fleettest.Print(t, r)
			t.Errorf("told %v", !told)
		}
	}
	repo.Git(t, "update-index", "--add", "--cacheinfo", "160000,"+strings.Repeat("1", 40)+",vendor/other")
	submodule(false) // without .gitmodules Argo CD fetches none
	repo.Write(t, ".gitmodules", []byte("[submodule \"a\"]\n\tpath = a\n\turl = ../a\n"))
	submodule(true)
	repo.Write(t, ".gitmodules", []byte("[submodule \"other\"]\n\tpath = vendor/other\n\turl = ../other\n"))
	submodule(false)
}

// Whoever replaces the sealing certificate by one of their own reads all that CI seals
// from then on.
func TestANewSealingCertificate(t *testing.T) {
	repo, _, checker, _ := signed(t)
	warned := func(name string, want bool) {
		t.Helper()
		r := pipe(t, pipelines.Check, checker)
		if has(r, trust.RuleNewCertificate) != want {
			fleettest.Print(t, r)
			t.Errorf("%s: warned %v", name, !want)
		}
	}
	warned("nothing changed", false)
	mine, fleetFile := repo.Read(t, "clusters/sealed-secrets.crt"), repo.Read(t, "clusters/fleet.yaml")
	repo.Write(t, "clusters/sealed-secrets.crt", sealtest.NewKeyPair(t).Certificate)
	warned("another key", true)
	repo.Write(t, "clusters/fleet.yaml", append(bytes.Clone(fleetFile), "  silence: [{rule: seal-new-certificate, reason: noise}]\n"...))
	warned("silenced by the same commit", true)
	found(t, pipe(t, pipelines.Check, checker), pipelines.RuleUnusedSilence, finding.Error)
	repo.Write(t, "clusters/fleet.yaml", fleetFile)
	repo.Commit(t)
	warned("against the commit before HEAD", true)
	repo.Git(t, "commit", "-qm", "later", "--allow-empty")
	warned("two commits later", false)
	repo.Write(t, "clusters/other.crt", mine)
	repo.Write(t, "clusters/fleet.yaml", bytes.Replace(fleetFile, []byte("sealed-secrets.crt"), []byte("other.crt"), 1))
	warned("another file with another key", true)
	repo.Write(t, "clusters/other.crt", repo.Read(t, "clusters/sealed-secrets.crt"))
	if err := os.Remove(filepath.Join(repo.Root, "clusters/sealed-secrets.crt")); err != nil {
		t.Fatal(err)
	}
	warned("the file renamed", false)
}

// An extra that was copied to another cluster of a shared namespace is one object to the
// API server.
func TestAnExtraOfTwoClustersInOneNamespace(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	const quota = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: quota}\nspec: {hard: {pods: \"9\"}}\n"
	for _, cluster := range []string{"three", "two"} {
		repo.Write(t, "charts/"+cluster+"/Chart.yaml", []byte("apiVersion: v2\nname: "+cluster+"\nversion: 1.0.0\n"))
		repo.Write(t, "charts/"+cluster+"/templates/a.yaml", []byte("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: \"{{ .Release.Name }}\"}\n"))
		repo.Cluster(t, cluster, "  chart: {path: charts/"+cluster+"}\n  namespace: shared\n  shareNamespace: true\n")
		repo.Write(t, "clusters/"+cluster+"/extra/quota.yaml", []byte(quota))
	}
	for _, r := range []*report.Report{pipe(t, pipelines.Build, builder), pipe(t, pipelines.Check, checker)} {
		found(t, r, policy.RuleTwice, finding.Error)
	}
	repo.Write(t, "clusters/two/extra/quota.yaml", bytes.Replace([]byte(quota), []byte("name: quota"), []byte("name: own"), 1))
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
}

// What a cluster claims counts where it is not built again, because only another one changed.
func TestClaimsOfAClusterThatDoesNotChange(t *testing.T) {
	repo, builder, _, _ := signed(t)
	const settings = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: monitoring}\n"
	const allowed = "  allow: [{kind: ConfigMap, namespace: monitoring}]\n"
	const route = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web}\nspec: {defaultBackend: {service: {name: web, port: {number: 80}}}, rules: [{host: two.example.com}]}\n"
	for _, cluster := range []string{"three", "two"} {
		repo.Write(t, "charts/"+cluster+"/Chart.yaml", []byte("apiVersion: v2\nname: "+cluster+"\nversion: 1.0.0\n"))
		repo.Write(t, "charts/"+cluster+"/templates/a.yaml", []byte("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: \"{{ .Release.Name }}\"}\n"))
		repo.Cluster(t, cluster, "  chart: {path: charts/"+cluster+"}\n"+allowed)
	}
	repo.Write(t, "clusters/three/extra/settings.yaml", []byte(settings))
	repo.Write(t, "clusters/three/extra/web.yaml", []byte(route))
	repo.Write(t, "clusters/two/extra/settings.yaml", bytes.Replace([]byte(settings), []byte("name: a"), []byte("name: b"), 1))
	for range 2 { // the second build skips what the first has built
		fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	}
	repo.Write(t, "clusters/two/extra/settings.yaml", []byte(settings))
	r := pipe(t, pipelines.Build, builder)
	found(t, r, policy.RuleTwice, finding.Error)
	repo.Cluster(t, "two", "  chart: {path: charts/two}\n  server: https://two.example.com\n  ingress: {enabled: true, host: two.example.com}\n"+allowed)
	found(t, pipe(t, pipelines.Build, builder), policy.RuleHost, finding.Error)
}

// A sparse checkout without a cluster is no order to remove it.
func TestASparseCheckout(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	repo.Cluster(t, "two", "  chart: {path: charts/c}\n")
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	repo.Commit(t)
	repo.Git(t, "sparse-checkout", "set", "--no-cone", "/*", "!/other/")
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
	repo.Git(t, "sparse-checkout", "set", "--no-cone", "/*", "!/clusters/two/")
	before := snapshot(t, repo.Root)
	for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build, pipelines.Plan} {
		found(t, pipe(t, p, builder), workspace.RuleNotCheckedOut, finding.Error)
	}
	if diff := cmp.Diff(before, snapshot(t, repo.Root)); diff != "" {
		t.Errorf("written:\n%s", diff)
	}
	repo.Git(t, "sparse-checkout", "disable")
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
}

// A named pipe in the place of a registration is not waited for.
func TestAPipeInTheRegistrationsPlace(t *testing.T) {
	repo, builder, _, _ := signed(t)
	if err := os.Remove(filepath.Join(repo.Root, registration)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(repo.Root, registration), 0o644); err != nil {
		t.Fatal(err)
	}
	ended := make(chan *report.Report, 1)
	go func() {
		r, err := pipelines.Check(t.Context(), builder)
		if err != nil {
			t.Error(err)
		}
		ended <- r
	}()
	select {
	case r := <-ended:
		if r == nil || !r.Failed() {
			t.Errorf("it passes: %v", r)
		}
	case <-time.After(time.Minute):
		t.Fatal("it waits for the pipe")
	}
}

// The scope of a definition decides what an extra may be, and stands in no schema: a build
// that has built the cluster before sees that it is another.
func TestTheScopeOfADefinitionChanges(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	const definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  scope: Namespaced\n" +
		"  names: {kind: Widget, plural: widgets}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]\n"
	repo.Write(t, "crds/widget.yaml", []byte(definition))
	repo.Write(t, "clusters/fleet.yaml", append(repo.Read(t, "clusters/fleet.yaml"), "  schemas: [crds]\n"...))
	repo.Write(t, "clusters/one/extra/widget.yaml", []byte("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n"))
	for range 2 {
		fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	}
	repo.Write(t, "crds/widget.yaml", []byte(strings.Replace(definition, "Namespaced", "Cluster", 1)))
	for _, r := range []*report.Report{pipe(t, pipelines.Build, builder), pipe(t, pipelines.Check, checker)} {
		found(t, r, policy.RuleClusterScoped, finding.Error)
	}
}

// What kasou makes by itself is nobody else's, whatever a spec allows: an Application of the
// same name would take a cluster, or the whole fleet, from another repository.
func TestAnExtraInThePlaceOfKasousOwn(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	repo.Write(t, "clusters/fleet.yaml", append(repo.Read(t, "clusters/fleet.yaml"), "  argocd: {projects: [default, {name: teams, generated: true}]}\n"...))
	repo.Write(t, "charts/d/Chart.yaml", []byte("apiVersion: v2\nname: d\nversion: 1.0.0\n"))
	repo.Write(t, "charts/d/templates/a.yaml", []byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: control-plane}\n"))
	repo.Cluster(t, "two", "  chart: {path: charts/d}\n")
	const evil = "  chart: {path: charts/d}\n  allow:\n  - {group: argoproj.io, kind: Application, namespace: argocd}\n  - {group: argoproj.io, kind: AppProject, namespace: argocd}\n" +
		"  - {group: bitnami.com, kind: SealedSecret, namespace: argocd}\n  - {group: bitnami.com, kind: SealedSecret, namespace: two}\n  - {kind: ConfigMap, namespace: two}\n  - {kind: Namespace}\n"
	repo.Cluster(t, "evil", evil)
	extra := func(text string) { repo.Write(t, "clusters/evil/extra/a.yaml", []byte(text)) }
	const application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: NAME, namespace: argocd}\n" +
		"spec: {project: default, destination: {server: https://kubernetes.default.svc, namespace: two}, source: {repoURL: https://evil.example.com/x.git, path: .}}\n"
	const project = "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: NAME, namespace: argocd}\nspec: {sourceRepos: ['*']}\n"
	const sealed = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: NAME, namespace: argocd}\nspec: {encryptedData: {a: AgB}, template: {}}\n"
	named := func(text, name string) string { return strings.Replace(text, "NAME", name, 1) }
	for name, test := range map[string]struct {
		text string
		rule finding.Rule
	}{
		"a cluster's Application":     {named(application, "two"), policy.RuleTwice},
		"the app of apps":             {named(application, "kasou"), policy.RuleTwice},
		"what keeps it":               {named(application, "kasou-bootstrap"), policy.RuleTwice},
		"another Application":         {named(application, "three"), ""},
		"the AppProject of the fleet": {named(project, "kasou"), policy.RuleTwice},
		"a generated AppProject":      {named(project, "teams"), policy.RuleTwice},
		"an AppProject of people":     {named(project, "others"), ""},
		"a cluster Secret":            {named(sealed, "cluster-two"), policy.RuleTwice},
		"another sealed Secret":       {named(sealed, "cluster-of-nobody"), ""},
		"a cluster's Namespace":       {"apiVersion: v1\nkind: Namespace\nmetadata: {name: two}\n", policy.RuleTwice},
		"another Namespace":           {"apiVersion: v1\nkind: Namespace\nmetadata: {name: three}\n", ""},
		"what a chart renders":        {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: control-plane, namespace: two}\n", policy.RuleTwice},
		"another ConfigMap there":     {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: another, namespace: two}\n", ""},
	} {
		extra(test.text)
		for _, r := range []*report.Report{pipe(t, pipelines.Check, checker), pipe(t, pipelines.Build, builder), pipe(t, pipelines.Build, builder)} {
			switch {
			case test.rule == "" && has(r, policy.RuleTwice):
				fleettest.Print(t, r)
				t.Errorf("%s is refused", name)
			case test.rule != "" && !has(r, test.rule):
				fleettest.Print(t, r)
				t.Errorf("%s is not refused", name)
			}
		}
	}
	extra(named(application, "three"))
	for range 2 { // the second build skips what the first has built
		fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	}
	repo.Cluster(t, "three", "  chart: {path: charts/d}\n")
	found(t, pipe(t, pipelines.Build, builder), policy.RuleTwice, finding.Error)
}

// Who allows a source of values lets others read it: that is told in the commit that does,
// and of less than before nothing is.
func TestANewSourceOfValues(t *testing.T) {
	repo, _, checker, _ := signed(t)
	original := repo.Read(t, "clusters/fleet.yaml")
	allow := func(sources string) {
		repo.Write(t, "clusters/fleet.yaml", fmt.Appendf(bytes.Clone(original), "  valuesFrom: {allow: [%s]}\n", sources))
	}
	told := func(name string, want int) {
		t.Helper()
		r := pipe(t, pipelines.Check, checker)
		n := 0
		for _, f := range r.Findings {
			if f.Rule == trust.RuleNewSource && f.Line > 0 {
				n++
			}
		}
		if n != want {
			fleettest.Print(t, r)
			t.Errorf("%s: told %d times, want %d", name, n, want)
		}
	}
	const secret, one = "{secret: {namespace: databases, name: shared}, clusters: [one]}", "{env: SHARED, clusters: [one]}"
	allow(secret)
	told("a Secret", 1)
	allow(secret + ", " + one)
	told("and a variable", 2)
	for range 2 { // HEAD has it, and the commit before that
		repo.Git(t, "commit", "-qam", "sources", "--allow-empty")
	}
	told("both were there", 0)
	allow(one)
	told("one less", 0)
	allow("{secret: {namespace: databases, name: shared}}, " + one)
	told("for all clusters", 1)
	allow(secret + ", {env: SHARED, clusters: [one, two]}")
	told("for one more", 1)
	allow(secret + ", " + one + ", {env: OTHER, clusters: [one]}")
	told("another", 1)
	allow(secret + ", {env: SHARED, clusters: [\"\"]}")
	for range 2 {
		repo.Git(t, "commit", "-qam", "a name that no cluster has", "--allow-empty")
	}
	allow(secret + ", {env: SHARED}")
	told("for all clusters, after one without a name", 1)
	allow("{env: SHARED, clusters: [one]}, {env: SHARED, clusters: [two]}")
	for range 2 {
		repo.Git(t, "commit", "-qam", "an entry each", "--allow-empty")
	}
	allow("{env: SHARED, clusters: [two, one]}")
	told("both in one entry", 0)
}

// Whoever replaces the image of kubeseal is given what it seals. No commit silences that of
// itself, nor that what it brings is not signed.
func TestANewToolAndASilence(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	original := repo.Read(t, "clusters/fleet.yaml")
	image := func(digit string) string {
		return "  toolchain: {kubeseal: {image: \"registry.example.com/kubeseal@sha256:" + strings.Repeat(digit, 64) + "\"}}\n"
	}
	const silence = "  silence: [{rule: seal-new-tool, reason: noise}, {rule: seal-unsigned, reason: noise}]\n"
	write := func(more string) {
		repo.Write(t, "clusters/fleet.yaml", append(bytes.Clone(original), more...))
	}
	write(image("a") + silence)
	r := pipe(t, pipelines.Check, checker)
	found(t, r, trust.RuleNewTool, finding.Warning)
	found(t, r, pipelines.RuleUnusedSilence, finding.Error)
	write(image("a"))
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	for range 2 { // HEAD has it, and the commit before that
		repo.Git(t, "commit", "-qam", "an image", "--allow-empty")
	}
	if r := pipe(t, pipelines.Check, checker); has(r, trust.RuleNewTool) {
		t.Error("it is told of an image that was there before")
	}
	write(image("b"))
	found(t, pipe(t, pipelines.Check, checker), trust.RuleNewTool, finding.Warning)

	write(image("a") + silence)
	repo.Write(t, rendered, bytes.Replace(repo.Read(t, rendered), []byte("sealed-at: \"2"), []byte("sealed-at: \"3"), 1))
	checker.BeforeMerge = true
	lock := string(repo.Read(t, "clusters/one/lock.yaml"))
	old, _, _ := strings.Cut(lock[strings.Index(lock, "one/manifests/c/templates/config.yaml: sha256:")+len("one/manifests/c/templates/config.yaml: "):], "\n")
	repo.Write(t, "clusters/one/lock.yaml", []byte(strings.Replace(lock, old, manifest.Digest(repo.Read(t, rendered)), 1)))
	found(t, pipe(t, pipelines.Check, checker), trust.RuleUnsigned, finding.Warning)
}

// Argo CD deploys the items of whatever has such a list, and not the object itself: a
// definition with that field let anything past every rule.
func TestItemsOfWhatIsNoList(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	const definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  scope: Namespaced\n" +
		"  names: {kind: KIND, plural: widgets}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]\n"
	repo.Write(t, "clusters/fleet.yaml", append(repo.Read(t, "clusters/fleet.yaml"), "  schemas: [crds]\n"...))
	const inner = "[{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {name: evil, namespace: argocd}}]"
	for _, kind := range []string{"Widget", "AllowList"} {
		repo.Write(t, "crds/widget.yaml", []byte(strings.Replace(definition, "KIND", kind, 1)))
		for items, fails := range map[string]bool{inner: true, "[]": true, "{a: b}": false, "a text": false} {
			repo.Write(t, "clusters/one/extra/a.yaml", []byte("apiVersion: example.com/v1\nkind: "+kind+"\nmetadata: {name: a}\nitems: "+items+"\n"))
			for _, r := range []*report.Report{pipe(t, pipelines.Check, checker), pipe(t, pipelines.Build, builder)} {
				if fails && !r.Failed() {
					fleettest.Print(t, r)
					t.Errorf("%s of %s passes", items, kind)
				}
				if !fails && has(r, conform.RuleNotAnObject) {
					t.Errorf("%s of %s is refused", items, kind)
				}
			}
		}
	}
}

// A text in any value would have Argo CD pass over the file: what stands in it was checked,
// and is not deployed.
func TestAFileThatArgoCDPassesOver(t *testing.T) {
	repo, builder, checker, k := signed(t)
	const marker = "+argocd:skip-file-rendering"
	const policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: a, annotations: {a: 'TEXT'}}\nspec: {podSelector: {}}\n"
	repo.Write(t, "clusters/one/extra/a.yaml", []byte(strings.Replace(policy, "TEXT", marker, 1)))
	for _, r := range []*report.Report{pipe(t, pipelines.Check, checker), pipe(t, pipelines.Build, builder)} {
		found(t, r, conform.RuleIgnoredFile, finding.Error)
	}
	repo.Write(t, "clusters/one/extra/a.yaml", []byte(strings.Replace(policy, "TEXT", "nothing", 1)))
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n  argocd: {cluster: {annotations: {a: '"+marker+"'}}}\n")
	for _, r := range []*report.Report{pipe(t, pipelines.Build, builder), registerBy(t, builder, k), pipe(t, pipelines.Check, checker)} {
		if !r.Failed() {
			fleettest.Print(t, r)
			t.Error("a cluster Secret that Argo CD passes over is fine")
		}
	}
	if bytes.Contains(repo.Read(t, "clusters/root/one.cluster.yaml"), []byte(marker)) {
		t.Error("it was written")
	}
}

// A definition in git can say of a custom resource that it has a namespace; what the host has
// counts, and drift asks it.
func TestADefinitionThatTheHostHasOtherwise(t *testing.T) {
	repo, builder, _, _ := signed(t)
	repo.Write(t, "crds/widget.yaml", []byte("apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: widgets.example.com}\nspec:\n  group: example.com\n  scope: Namespaced\n"+
		"  names: {kind: Widget, plural: widgets}\n  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]\n"))
	repo.Write(t, "clusters/fleet.yaml", append(repo.Read(t, "clusters/fleet.yaml"), "  schemas: [crds]\n"...))
	repo.Write(t, "clusters/one/extra/widget.yaml", []byte("apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n"))
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	for namespaced, want := range map[string]bool{"true": false, "false": true} {
		builder.OpenHost = hostOf(t, repo, map[string]string{
			"/version":             `{}`,
			"/apis/example.com/v1": `{"kind":"APIResourceList","groupVersion":"example.com/v1","resources":[{"name":"widgets","kind":"Widget","namespaced":` + namespaced + `}]}`,
			"/api/v1":              `{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"namespaces","kind":"Namespace","namespaced":false}]}`,
		})
		r := findDrift(t, repo, builder, pipelines.DriftOptions{Live: true})
		if has(r, drift.RuleLiveScope) != want {
			fleettest.Print(t, r)
			t.Errorf("namespaced %s: told %v", namespaced, !want)
		}
	}
}

// Argo CD reads no more than 10 MB of one folder. A fleet that comes near to it in root/ is told
// before no change of any cluster is deployed any more.
func TestAFolderThatArgoCDDoesNotRead(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	told := func(want bool) {
		t.Helper()
		for _, r := range []*report.Report{pipe(t, pipelines.Check, checker), pipe(t, pipelines.Build, builder)} {
			if has(r, conform.RuleFolderSize) != want {
				fleettest.Print(t, r)
				t.Errorf("told %v", !want)
			}
		}
	}
	many := func(size int) []byte {
		return append([]byte("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: many}\n"), bytes.Repeat([]byte("# a line\n"), size/9)...)
	}
	repo.Write(t, "clusters/root/many.yaml", many(8_900_000))
	told(false)
	repo.Write(t, "clusters/root/many.yaml", many(9_100_000))
	told(true)
	if err := os.Rename(filepath.Join(repo.Root, "clusters/root/many.yaml"), filepath.Join(repo.Root, "clusters/root/many.txt")); err != nil {
		t.Fatal(err)
	}
	told(false)
}
