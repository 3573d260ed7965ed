package pipelines_test

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kasou/internal/fleettest"
	"kasou/internal/sealtest"
	"kasou/pipelines"
	"kasou/pipelines/chart"
	"kasou/pipelines/cluster"
	"kasou/pipelines/drift"
	"kasou/pipelines/finding"
	"kasou/pipelines/manifest"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
)

// drift looks at the fleet as it stands; a chart store of its own forgets what
// an earlier look learnt.
func findDrift(t *testing.T, repo fleettest.Repo, o pipelines.Options, d pipelines.DriftOptions) *report.Report {
	t.Helper()
	o.Charts = repo.Options(t, o.Toolchain).Charts
	r, err := pipelines.Drift(context.Background(), o, d)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func row(t *testing.T, r *report.Report, rule finding.Rule) report.Row {
	t.Helper()
	for _, row := range r.Drift {
		if row.Rule == rule {
			return row
		}
	}
	fleettest.Print(t, r)
	t.Errorf("no row of %s", rule)
	return report.Row{}
}

func clean(t *testing.T, r *report.Report) {
	t.Helper()
	if r.Failed() || len(r.Unfinished) > 0 || r.Count(report.Unchanged) != len(r.Clusters) {
		fleettest.Print(t, r)
		t.Errorf("want no drift, got %+v", r.Drift)
	}
}

func git(t *testing.T, root string, args ...string) string {
	t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=P", "-c", "user.email=p@example.com", "-C", root}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_COMMITTER_DATE=2026-01-02T03:04:05+02:00")
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// Every kind of drift of the files is found, dated by git where it is
// committed, and written nowhere; --repair mends what a build can.
func TestDriftOfTheTree(t *testing.T) {
	repo := example(t, "one", "two", "three", "four")
	options := built(t, repo)
	clean(t, findDrift(t, repo, options, pipelines.DriftOptions{}))

	git(t, repo.Root, "init", "-q")
	repo.Write(t, "clusters/one/values.yaml", []byte("edited: true\n"))
	git(t, repo.Root, "add", "clusters", "charts")
	git(t, repo.Root, "commit", "-qm", "edit")
	repo.Write(t, "clusters/one/manifests/debug.yaml", []byte("kind: Pod\n"))
	repo.Write(t, "clusters/two/manifests/namespace.yaml", []byte("not: committed\n"))
	if err := os.Remove(filepath.Join(repo.Root, "clusters/root/two.yaml")); err != nil {
		t.Fatal(err)
	}
	repo.Cluster(t, "three", "  ingress: {enabled: true, host: other.example.com}\n")
	repo.Write(t, "clusters/fleet.lock.yaml", []byte(strings.ReplaceAll(
		string(repo.Read(t, "clusters/fleet.lock.yaml")), "helm: ", "helm: 0.")))

	before := snapshot(t, repo.Root)
	r := findDrift(t, repo, options, pipelines.DriftOptions{})
	if snapshot(t, repo.Root) != before {
		t.Error("looking for drift wrote something")
	}
	for _, test := range []struct {
		rule          finding.Rule
		cluster, file string
		repair        report.Repair
	}{
		{tree.RuleHandEdit, "one", "clusters/one/values.yaml", report.ByBuild},
		{tree.RuleUnknownFile, "one", "clusters/one/manifests/debug.yaml", report.ByPerson},
		{tree.RuleMissing, "two", "clusters/root/two.yaml", report.ByBuild},
		{tree.RuleStale, "three", "clusters/three/spec.yaml", report.ByBuild},
		{drift.RuleTools, "", "clusters/fleet.lock.yaml", report.ByBuild},
	} {
		got := row(t, r, test.rule)
		if got.Cluster != test.cluster || got.File != test.file || got.Repair != test.repair || !got.Drifted() {
			t.Errorf("%s: %+v", test.rule, got)
		}
	}
	for _, row := range r.Drift {
		want := ""
		if row.File == "clusters/one/values.yaml" {
			want = "2026-01-02T01:04:05Z"
		}
		if row.Since != want {
			t.Errorf("%s: since %q, want %q", row.File, row.Since, want)
		}
	}
	if r.Count(report.Drifted) != 3 || r.Count(report.Unchanged) != 1 {
		t.Errorf("clusters %+v", r.Clusters)
	}

	r = findDrift(t, repo, options, pipelines.DriftOptions{Repair: true})
	if repaired := row(t, r, tree.RuleHandEdit); !repaired.Repaired || repaired.Severity != finding.Note {
		t.Errorf("%+v", repaired)
	}
	if r.Count(report.Drifted) != 1 || r.Count(report.Changed) != 2 || len(r.Fleet) != 1 {
		fleettest.Print(t, r)
		t.Error("want the unknown file left, two clusters and the fleet's lock written")
	}
	if err := os.Remove(filepath.Join(repo.Root, "clusters/one/manifests/debug.yaml")); err != nil {
		t.Fatal(err)
	}
	clean(t, findDrift(t, repo, options, pipelines.DriftOptions{Repair: true}))
}

// A clone of depth 1 has one commit, which is no file's last change.
func TestAShallowCloneDatesNothing(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	repo.Write(t, "clusters/one/values.yaml", []byte("edited: true\n"))
	git(t, repo.Root, "init", "-q")
	git(t, repo.Root, "add", "clusters", "charts")
	git(t, repo.Root, "commit", "-qm", "one")
	git(t, repo.Root, "commit", "-qm", "two", "--allow-empty")
	clone := repo
	clone.Root = filepath.Join(t.TempDir(), "clone")
	git(t, repo.Root, "clone", "-q", "--depth", "1", "file://"+repo.Root, clone.Root)
	options.Root = clone.Root
	if got := row(t, findDrift(t, clone, options, pipelines.DriftOptions{}), tree.RuleHandEdit); got.Since != "" {
		t.Errorf("since %s", got.Since)
	}
}

// editedRepository is a chartRepository whose index.yaml goes through a
// replacer, which a test may exchange.
func editedRepository(t *testing.T, versions ...string) (string, **strings.Replacer) {
	t.Helper()
	url, _ := chartRepository(t, versions...)
	index := strings.NewReplacer()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, err := http.Get(url + r.URL.Path)
		if err != nil {
			t.Error(err)
			return
		}
		defer answer.Body.Close()
		data, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Error(err)
		}
		if r.URL.Path == "/index.yaml" {
			data = []byte(index.Replace(string(data)))
		}
		_, _ = w.Write(data)
	}))
	t.Cleanup(server.Close)
	return server.URL, &index
}

func TestDriftUpstream(t *testing.T) {
	url, index := editedRepository(t, "0.4.3", "0.4.4")
	repo := fleettest.New(t, "1.34.1")
	ref := "  chart: {repository: \"" + url + "\", name: vcluster, version: "
	repo.Cluster(t, "old", ref+"0.4.3}\n")
	repo.Cluster(t, "new", ref+"0.4.4}\n")
	options := built(t, repo)
	r := findDrift(t, repo, options, pipelines.DriftOptions{})
	clean(t, r)
	if got := row(t, r, chart.RuleNewer); got.Cluster != "old" || got.Command() != "kasou lock --upgrade old" {
		t.Errorf("%+v", got)
	}
	for _, c := range r.Clusters {
		if want := map[string]string{"old": "0.4.4"}[c.Name]; c.Facts.Newest != want {
			t.Errorf("%s: newest %q", c.Name, c.Facts.Newest)
		}
	}

	// The archive of 0.4.4 is another one now; then the version is gone. The
	// cache still has what the lock pins.
	for rule, edit := range map[finding.Rule][2]string{
		drift.RuleChartMoved: {"    digest: ", "    digest: 0"},
		drift.RuleChartGone:  {"    version: 0.4.4", "    version: 0.4.40"},
	} {
		*index = strings.NewReplacer(edit[0], edit[1])
		got := row(t, findDrift(t, repo, options, pipelines.DriftOptions{}), rule)
		if !got.Drifted() || got.Kind != report.DriftUpstream || got.Repair == report.ByBuild {
			t.Errorf("%+v", got)
		}
	}
}

// The repository says of 0.4.4 that it fixes something, 0.4.5 came after.
func TestDriftNamesSecurityFixes(t *testing.T) {
	url, index := editedRepository(t, "0.4.3", "0.4.4", "0.4.5")
	*index = strings.NewReplacer("    version: 0.4.4\n",
		"    version: 0.4.4\n    annotations: {artifacthub.io/containsSecurityUpdates: \"true\"}\n")
	repo := fleettest.New(t, "1.34.1")
	repo.Cluster(t, "one", "  chart: {repository: \""+url+"\", name: vcluster, version: 0.4.3}\n")
	r := findDrift(t, repo, built(t, repo), pipelines.DriftOptions{})
	got := row(t, r, drift.RuleSecurityFix)
	if !got.Drifted() || !strings.Contains(got.Message, "0.4.4") || strings.Contains(got.Message, "0.4.5") || !strings.Contains(got.Hint, "0.4.5") {
		t.Errorf("%+v", got)
	}
}

// What does not answer is unknown: neither drift nor fine.
func TestDriftUnknown(t *testing.T) {
	url, _ := chartRepository(t, "0.4.3")
	repo := fleettest.New(t, "1.34.1")
	down := httptest.NewServer(nil)
	repo.Cluster(t, "one", "  chart: {repository: \""+url+"\", name: vcluster, version: 0.4.3}\n")
	options := built(t, repo)
	for _, file := range []string{"clusters/one/spec.yaml", "clusters/one/lock.yaml"} {
		repo.Write(t, file, []byte(strings.ReplaceAll(string(repo.Read(t, file)), url, down.URL)))
	}
	down.Close()
	r := findDrift(t, repo, options, pipelines.DriftOptions{})
	got := row(t, r, drift.RuleUnknown)
	if !got.Unknown || got.Kind != report.DriftUpstream || got.Drifted() || got.Command() != "" || len(r.Unfinished) != 1 {
		fleettest.Print(t, r)
		t.Errorf("%+v", got)
	}
}

// The credential, the certificate and the sealed values, by the clock.
func TestDriftOfTrust(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(i * 7)
	}
	options.SealKey = hex.EncodeToString(key)
	fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
	now := time.Now()
	at := func(days int) pipelines.DriftOptions { return pipelines.DriftOptions{Now: now.AddDate(0, 0, days)} }

	r := findDrift(t, repo, options, at(1))
	clean(t, r)
	if f := r.Clusters[0].Facts; !f.Registered || f.Expires == "" || f.Server != "https://one.example.com" || f.Application != "argocd/one" {
		t.Errorf("facts %+v", f)
	}
	r = findDrift(t, repo, options, at(31))
	clean(t, r)
	if got := row(t, r, drift.RuleSealedLongAgo); got.Severity != finding.Warning || got.Object != "argocd/one" && !strings.HasPrefix(got.Object, "argocd/") {
		t.Errorf("with the same certificate: %+v", got)
	}
	for days, since := range map[int]bool{340: false, 370: true} {
		got := row(t, findDrift(t, repo, options, at(days)), drift.RuleCredentialEnds)
		if !got.Drifted() || got.Command() != "kasou register one" || (got.Since != "") != since {
			t.Errorf("after %d days: %+v", days, got)
		}
	}
	if got := row(t, findDrift(t, repo, options, at(5*365-10)), drift.RuleCertificateEnds); got.Cluster != "" || !got.Drifted() || !strings.HasPrefix(got.File, "clusters/fleet.yaml") {
		t.Errorf("%+v", got)
	}
	if got := row(t, findDrift(t, repo, options, at(5*365+10)), seal.RuleCertificateValidity); !got.Drifted() {
		t.Errorf("%+v", got)
	}

	other := options
	other.SealKey = ""
	r = findDrift(t, repo, other, at(0))
	if got := row(t, r, seal.RuleUnverifiable); !got.Unknown || r.Count(report.Unknown) != 1 || r.Failed() {
		t.Errorf("without the key: %+v", got)
	}

	renewed := sealtest.NewKeyPair(t)
	repo.Write(t, "clusters/sealed-secrets.crt", renewed.Certificate)
	if got := row(t, findDrift(t, repo, options, at(31)), drift.RuleSealedLongAgo); !got.Drifted() || got.Repair != report.ByRegister {
		t.Errorf("with another certificate: %+v", got)
	}
}

// Edited together with its digest in the lock: only the tag tells.
func TestDriftFindsTampering(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	options.SealKey = strings.Repeat("0f1e2d3c4b5a69788796a5b4c3d2e1f0", 2)
	fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
	old := repo.Read(t, registration)
	edited := []byte(strings.ReplaceAll(string(old), "https://one.example.com", "https://evil.example.com"))
	if string(edited) == string(old) {
		edited = []byte(strings.Replace(string(old), "kasou/credential-not-after: \"20", "kasou/credential-not-after: \"21", 1))
	}
	if string(edited) == string(old) {
		t.Fatalf("nothing was edited in\n%s", old)
	}
	repo.Write(t, registration, edited)
	namespace := repo.Read(t, "clusters/one/manifests/namespace.yaml")
	repo.Write(t, "clusters/one/manifests/namespace.yaml", append([]byte("# edited\n"), namespace...))
	r := findDrift(t, repo, options, pipelines.DriftOptions{})
	if got := row(t, r, register.RuleRegistrationEdited); got.Kind != report.DriftTrust || got.Repair != report.ByRegister {
		t.Errorf("%+v", got)
	}
	// It stops the build; what the lock tells is told all the same.
	if got := row(t, r, tree.RuleHandEdit); got.File != "clusters/one/manifests/namespace.yaml" {
		t.Errorf("%+v", got)
	}
	repo.Write(t, "clusters/one/manifests/namespace.yaml", namespace)
	lock := "clusters/one/lock.yaml"
	repo.Write(t, lock, []byte(strings.ReplaceAll(string(repo.Read(t, lock)), manifest.Digest(old), manifest.Digest(edited))))
	if got := row(t, findDrift(t, repo, options, pipelines.DriftOptions{}), seal.RuleTampered); got.Repair != report.ByRegister || !got.Drifted() {
		t.Errorf("%+v", got)
	}
}

// Without the values of valuesFrom, what is sealed of them is unknown; with
// them, nothing of them shows.
func TestDriftWithoutTheValues(t *testing.T) {
	repo, options, env := hiding(t, map[string]string{"config.yaml": configSecret})
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	with := findDrift(t, repo, options, pipelines.DriftOptions{})
	clean(t, with)
	value := env["KASOU_VALUE_DATABASE"]
	delete(env, "KASOU_VALUE_DATABASE")
	without := findDrift(t, repo, options, pipelines.DriftOptions{})
	if got := row(t, without, cluster.RuleValuesUnknown); !got.Unknown || got.Cluster != "one" || without.Failed() || without.Count(report.Unknown) != 1 {
		fleettest.Print(t, without)
		t.Errorf("%+v", got)
	}
	noValue(t, repo, value, with, without)
}

func TestDriftOfRemovedClusters(t *testing.T) {
	repo := example(t, "orphan", "retired", "stays")
	options := built(t, repo)
	if err := errors.Join(os.RemoveAll(filepath.Join(repo.Root, "clusters/orphan")), os.Remove(filepath.Join(repo.Root, "clusters/retired/spec.yaml"))); err != nil {
		t.Fatal(err)
	}
	r := findDrift(t, repo, options, pipelines.DriftOptions{})
	for rule, cluster := range map[finding.Rule]string{tree.RuleOrphan: "orphan", tree.RuleRetired: "retired"} {
		if got := row(t, r, rule); got.Cluster != cluster || got.Repair != report.ByBuild || !got.Drifted() {
			t.Errorf("%+v", got)
		}
	}
	if r.Count(report.Drifted) != 2 || r.Count(report.Unchanged) != 1 {
		fleettest.Print(t, r)
		t.Error("want two drifted, one unchanged")
	}

	// More than one removal is not asked for plainly: --repair leaves them.
	before := snapshot(t, repo.Root)
	r = findDrift(t, repo, options, pipelines.DriftOptions{Repair: true})
	if !has(r, tree.RulePrune) || snapshot(t, repo.Root) != before {
		t.Errorf("two removals at once: %s", rules(r))
	}
	options.AllowPrune = true
	r = findDrift(t, repo, options, pipelines.DriftOptions{Repair: true})
	if r.Failed() || !row(t, r, tree.RuleRetired).Repaired || r.Count(report.Removed) != 2 {
		fleettest.Print(t, r)
		t.Error("want both removed")
	}
	clean(t, findDrift(t, repo, options, pipelines.DriftOptions{}))
}
