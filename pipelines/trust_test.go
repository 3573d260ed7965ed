package pipelines_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/credential"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/seal"
	"kasou/pipelines/tree"
	"kasou/pipelines/trust"
)

const otherKey = "f0e1d2c3b4a5968778695a4b3c2d1e0f00112233445566778899aabbccddeeff"

func publicHalf(t *testing.T, value string) string {
	t.Helper()
	key, err := seal.ParseKey(value)
	if err != nil {
		t.Fatal(err)
	}
	return key.Public()
}

// setKeys writes sealing.publicKey into fleet.yaml; none where it is empty.
func setKeys(t *testing.T, repo fleettest.Repo, keys string) {
	t.Helper()
	line := "  sealing: {certificate: sealed-secrets.crt}\n"
	if keys != "" {
		line = "  sealing: {certificate: sealed-secrets.crt, publicKey: \"" + keys + "\"}\n"
	}
	var kept []string
	for text := range strings.Lines(string(repo.Read(t, "clusters/fleet.yaml"))) {
		if !strings.HasPrefix(text, "  sealing:") {
			kept = append(kept, text)
		}
	}
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Join(kept, "")+line))
}

// signed makes a git repository with one cluster that renders a Secret, built and
// registered with the key.
func signed(t *testing.T) (repo fleettest.Repo, builder, checker pipelines.Options, k fleettest.Kubeconfig) {
	t.Helper()
	repo = fleettest.New(t, "1.34.1")
	setKeys(t, repo, publicHalf(t, sealKey))
	repo.Write(t, ".gitignore", []byte(".cache\n"))
	repo.Write(t, "charts/c/Chart.yaml", []byte("apiVersion: v2\nname: c\nversion: 1.0.0\n"))
	repo.Write(t, "charts/c/templates/config.yaml", []byte(configSecret))
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n")
	checker = repo.Options(t, tools(t))
	builder = checker
	builder.SealKey = sealKey
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	k = fleettest.NewKubeconfig(t)
	fleettest.MustPass(t, registerBy(t, builder, k), nil)
	git(t, repo.Root, "init", "-q")
	commit(t, repo)
	return repo, builder, checker, k
}

func commit(t *testing.T, repo fleettest.Repo) {
	t.Helper()
	git(t, repo.Root, "add", "-A")
	git(t, repo.Root, "commit", "-qm", "a commit", "--allow-empty")
}

const rendered = "clusters/one/manifests/c/templates/config.yaml"

// found fails unless the report has the rule, at that severity.
func found(t *testing.T, r *report.Report, rule finding.Rule, severity finding.Severity) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Rule == rule && f.Severity == severity {
			return
		}
	}
	fleettest.Print(t, r)
	t.Errorf("no %v %s", severity, rule)
}

// What is signed is green anywhere, without any secret, and says nothing of keys.
func TestSignedIsProvenWithoutASecret(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	before := snapshot(t, repo.Root)
	for _, options := range []pipelines.Options{checker, builder} {
		for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
			r := pipe(t, p, options)
			fleettest.MustPass(t, r, nil)
			for _, rule := range []finding.Rule{seal.RuleUnverifiable, trust.RuleUnproven, trust.RuleHistoryUnknown} {
				if has(r, rule) {
					t.Errorf("%s is found", rule)
				}
			}
		}
	}
	if snapshot(t, repo.Root) != before {
		t.Error("something was written")
	}
	lock, err := lockfile.Parse(repo.Read(t, "clusters/one/lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	registered := lock.Sealed["root/one.cluster.yaml"]
	if registered.Kind != lockfile.SealedRegistration || registered.Server != "https://one.example.com" || registered.CA == "" || registered.NotAfter == "" || registered.Serial != 1 {
		t.Errorf("the statement is %+v", registered)
	}
	clean(t, findDrift(t, repo, checker, pipelines.DriftOptions{}))
}

func TestAFleetWithoutAPublicKeySaysSo(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	if r := pipe(t, pipelines.Check, options); has(r, trust.RuleUnproven) {
		t.Error("nothing is sealed")
	}
	fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
	for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build, pipelines.Build} {
		found(t, pipe(t, p, options), trust.RuleUnproven, finding.Note)
	}
}

// Whoever has the certificate alone can seal, and not sign.
func TestARegistrationWithoutTheKey(t *testing.T) {
	repo, _, checker, k := signed(t)
	r := registerBy(t, checker, k.Rotated(t))
	found(t, r, register.RuleNoSealKey, finding.Error)

	// Nor does one that cannot tell whether the credential was rotated say «fine».
	blind := copyOf(t, repo)
	setKeys(t, blind, "")
	r = registerBy(t, blind.Options(t, tools(t)), k.Rotated(t))
	found(t, r, register.RuleNoSealKey, finding.Error)

	// The certificate seals, in a copy whose key the attacker takes out.
	lock := repo.Read(t, "clusters/one/lock.yaml")
	copied := copyOf(t, repo)
	setKeys(t, copied, "")
	evil := fleettest.NewKubeconfig(t)
	r, err := pipelines.Register(t.Context(), withNames(copied.Options(t, tools(t))), pipelines.Registration{Kubeconfig: evil.Data, From: "evil", AcceptNewIdentity: true, Reseal: true})
	fleettest.MustPass(t, r, err)
	repo.Write(t, registration, copied.Read(t, registration))
	for name, text := range map[string][]byte{"its own lock": copied.Read(t, "clusters/one/lock.yaml"), "the lock as it was": lock} {
		repo.Write(t, "clusters/one/lock.yaml", text)
		for _, options := range []pipelines.Options{checker, withKey(checker, sealKey)} {
			for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
				if r := pipe(t, p, options); !r.Failed() || !has(r, trust.RuleUnsigned) && !has(r, register.RuleRegistrationEdited) {
					fleettest.Print(t, r)
					t.Errorf("%s: a swapped credential passes", name)
				}
			}
		}
		if r := findDrift(t, repo, checker, pipelines.DriftOptions{}); !r.Failed() {
			t.Errorf("%s: drift does not see it", name)
		}
	}
}

// copyOf makes a copy of the repository without its history.
func copyOf(t *testing.T, repo fleettest.Repo) fleettest.Repo {
	t.Helper()
	copied := fleettest.Repo{Root: t.TempDir(), Keys: repo.Keys}
	if err := os.CopyFS(copied.Root, os.DirFS(repo.Root)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(copied.Root, ".git")); err != nil {
		t.Fatal(err)
	}
	return copied
}

func withNames(o pipelines.Options) pipelines.Options { o.Names = []string{"one"}; return o }

func withKey(o pipelines.Options, key string) pipelines.Options { o.SealKey = key; return o }

func TestOnlyTheClusterSecretStandsInARegistration(t *testing.T) {
	repo, _, _, _ := signed(t)
	repo = copyOf(t, repo)
	checker := repo.Options(t, tools(t))
	sealed := string(repo.Read(t, registration))
	for name, text := range map[string]string{
		"a plain Secret":   "apiVersion: v1\nkind: Secret\nmetadata: {name: cluster-one, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster}}\n",
		"an Application":   "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: evil, namespace: argocd}\n",
		"two":              sealed + "---\n" + sealed,
		"another's":        strings.ReplaceAll(sealed, "cluster-one", "cluster-two"),
		"another inside":   strings.Replace(sealed, "      name: cluster-one", "      name: cluster-two", 1),
		"no YAML":          "a: [\n",
		"a line separator": "# \u2028kind: Secret\n" + sealed,
	} {
		t.Run(name, func(t *testing.T) {
			for _, key := range []string{publicHalf(t, sealKey), ""} {
				setKeys(t, repo, key)
				repo.Write(t, registration, []byte(text))
				mend(t, repo, registration)
				r := pipe(t, pipelines.Check, checker)
				if !r.Failed() || !has(r, trust.RuleRegistrationForeign) && !has(r, trust.RuleUnsigned) {
					fleettest.Print(t, r)
					t.Errorf("with the keys %q it passes", key)
				}
			}
		})
	}
	// Without its line in the lock, it is a file that nobody knows.
	setKeys(t, repo, "")
	repo.Write(t, registration, []byte(sealed))
	lock := readLock(t, repo)
	delete(lock.Files, "root/one.cluster.yaml")
	delete(lock.Sealed, "root/one.cluster.yaml")
	writeLock(t, repo, lock)
	found(t, pipe(t, pipelines.Check, checker), tree.RuleUnknownFile, finding.Error)
}

func readLock(t *testing.T, repo fleettest.Repo) *lockfile.Lock {
	t.Helper()
	lock, err := lockfile.Parse(repo.Read(t, "clusters/one/lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return lock
}

func writeLock(t *testing.T, repo fleettest.Repo, lock *lockfile.Lock) {
	t.Helper()
	data, err := lock.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	repo.Write(t, "clusters/one/lock.yaml", data)
}

// mend enters a file's digest into the lock, as whoever edits it can.
func mend(t *testing.T, repo fleettest.Repo, file string) {
	t.Helper()
	lock := readLock(t, repo)
	lock.Files[strings.TrimPrefix(file, "clusters/")] = manifest.Digest(repo.Read(t, file))
	writeLock(t, repo, lock)
}

// Every field of the statement is signed.
func TestEveryFieldOfAStatementIsSigned(t *testing.T) {
	repo, _, checker, _ := signed(t)
	for name, change := range map[string]func(*lockfile.SealLock){
		"kind": func(s *lockfile.SealLock) { s.Kind = lockfile.SealedRendered }, "server": func(s *lockfile.SealLock) { s.Server = "https://evil.example.com" },
		"presented": func(s *lockfile.SealLock) { s.Presented = "https://evil.example.com" }, "CA": func(s *lockfile.SealLock) { s.CA = manifest.Digest(nil) },
		"end": func(s *lockfile.SealLock) { s.NotAfter = "2099-01-01T00:00:00Z" }, "certificate": func(s *lockfile.SealLock) { s.Certificate = manifest.Digest(nil) },
		"spec":   func(s *lockfile.SealLock) { s.Spec = manifest.Digest(nil) },
		"serial": func(s *lockfile.SealLock) { s.Serial++ }, "signature": func(s *lockfile.SealLock) { s.Signature = "" },
		"no signature's": func(s *lockfile.SealLock) { s.Signature = base64.StdEncoding.EncodeToString(make([]byte, 64)) },
	} {
		t.Run(name, func(t *testing.T) {
			text := repo.Read(t, "clusters/one/lock.yaml")
			lock := readLock(t, repo)
			statement := lock.Sealed["root/one.cluster.yaml"]
			change(&statement)
			lock.Sealed["root/one.cluster.yaml"] = statement
			writeLock(t, repo, lock)
			found(t, pipe(t, pipelines.Check, checker), trust.RuleUnsigned, finding.Error)
			repo.Write(t, "clusters/one/lock.yaml", text)
		})
	}
}

// A rendered Secret that was sealed without the key is a warning before the merge,
// an error of a check, and sealed anew and signed by the build that has the key.
func TestAnUnsignedRenderedSecret(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n  values: {more: true}\n")
	r := pipe(t, pipelines.Build, checker)
	found(t, r, trust.RuleUnsigned, finding.Warning)
	if r.Failed() {
		fleettest.Print(t, r)
		t.Error("whoever has no key cannot build")
	}
	ofOthers := repo.Read(t, rendered)
	found(t, pipe(t, pipelines.Check, checker), trust.RuleUnsigned, finding.Error)
	onPullRequest := checker
	onPullRequest.BeforeMerge = true
	r = pipe(t, pipelines.Check, onPullRequest)
	if found(t, r, trust.RuleUnsigned, finding.Warning); r.Failed() {
		fleettest.Print(t, r)
		t.Error("a pull request without the key is refused")
	}

	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	if string(repo.Read(t, rendered)) == string(ofOthers) {
		t.Error("a ciphertext that somebody else made was signed")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
	after := snapshot(t, repo.Root)
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	if snapshot(t, repo.Root) != after {
		t.Error("a second build seals again")
	}
}

// A rendered Secret with other contents than the chart renders, sealed by whoever
// has the certificate, its digest mended.
func TestAForeignRenderedSecret(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	foreign := copyOf(t, repo)
	setKeys(t, foreign, "")
	foreign.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n  values: {evil: true}\n")
	fleettest.MustPass(t, pipe(t, pipelines.Build, foreign.Options(t, tools(t))), nil)
	repo.Write(t, rendered, foreign.Read(t, rendered))
	mend(t, repo, rendered)
	if r := pipe(t, pipelines.Check, checker); !r.Failed() {
		t.Error("it passes")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	if strings.Contains(string(repo.Keys.Unseal(t, repo.Read(t, rendered)).Data["config.yaml"]), "evil") {
		t.Error("the build did not seal the chart's own")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
}

func TestWrongSealKey(t *testing.T) {
	repo, builder, checker, k := signed(t)
	found(t, pipe(t, pipelines.Build, withKey(builder, otherKey)), trust.RuleWrongKey, finding.Error)
	r := registerBy(t, withKey(checker, otherKey), k)
	found(t, r, trust.RuleWrongKey, finding.Error)
	setKeys(t, repo, "ed25519:short")
	found(t, pipe(t, pipelines.Check, checker), fleet.RulePublicKey, finding.Error)
}

// Whoever brings a statement cannot bring the key for it along; a rotation takes
// one commit for the key and another for what it signs.
func TestARotationOfTheSealKey(t *testing.T) {
	repo, _, checker, k := signed(t)
	mine, theirs := publicHalf(t, sealKey), publicHalf(t, otherKey)
	whole := repo.Read(t, "clusters/fleet.yaml")
	for name, without := range map[string]func(){
		"another key": func() { setKeys(t, repo, theirs) }, "no key": func() { setKeys(t, repo, "") },
		"nothing about sealing": func() {
			before, _, _ := strings.Cut(string(whole), "  sealing:")
			repo.Write(t, "clusters/fleet.yaml", []byte(before))
		},
	} {
		without()
		for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
			if r := pipe(t, p, checker); !has(r, trust.RuleNewPublicKey) || !r.Failed() {
				fleettest.Print(t, r)
				t.Errorf("%s: it passes", name)
			}
		}
	}
	setKeys(t, repo, mine+","+theirs)
	r := pipe(t, pipelines.Check, checker)
	if found(t, r, trust.RuleNewPublicKey, finding.Warning); r.Failed() {
		fleettest.Print(t, r)
		t.Error("another key is refused")
	}
	rotated := withKey(checker, otherKey)
	if r, err := pipelines.Register(t.Context(), withNames(rotated), pipelines.Registration{Kubeconfig: k.Data, From: "k", Reseal: true}); err != nil || r.Failed() {
		fleettest.Print(t, r)
		t.Fatal(err)
	}
	found(t, pipe(t, pipelines.Check, checker), trust.RuleUnsigned, finding.Error)

	git(t, repo.Root, "checkout", "-q", "--", "clusters/one", "clusters/root")
	commit(t, repo) // the key alone
	commit(t, repo)
	fleettest.MustPass(t, pipe(t, pipelines.Build, rotated), nil)
	fleettest.MustPass(t, registerBy(t, rotated, k), nil)
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
	commit(t, repo)
	setKeys(t, repo, theirs)
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
}

// File and lock, put back together to an older commit.
func TestAnOlderRegistration(t *testing.T) {
	repo, builder, checker, k := signed(t)
	lock, sealed := repo.Read(t, "clusters/one/lock.yaml"), repo.Read(t, registration)
	fleettest.MustPass(t, registerBy(t, builder, k.Rotated(t)), nil)
	commit(t, repo)
	repo.Write(t, "clusters/one/lock.yaml", lock)
	repo.Write(t, registration, sealed)
	look := func(options pipelines.Options) {
		t.Helper()
		for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
			found(t, pipe(t, p, options), trust.RuleRollback, finding.Error)
		}
	}
	look(checker)
	commit(t, repo)
	look(checker)
	look(builder)
	before := strings.TrimSpace(git(t, repo.Root, "rev-parse", "HEAD~1"))
	commit(t, repo) // the next commit hides it from a look at its parents
	pushed := checker
	pushed.Against = before
	look(pushed)
	pushed.Against = strings.Repeat("1", 40)
	found(t, pipe(t, pipelines.Check, pushed), trust.RuleHistoryUnknown, finding.Warning)
}

func TestAShallowCloneKnowsNoRollback(t *testing.T) {
	repo, _, _, _ := signed(t)
	commit(t, repo)
	clone := fleettest.Repo{Root: filepath.Join(t.TempDir(), "clone"), Keys: repo.Keys}
	git(t, repo.Root, "clone", "-q", "--depth", "1", "file://"+repo.Root, clone.Root)
	r := pipe(t, pipelines.Check, clone.Options(t, tools(t)))
	if found(t, r, trust.RuleHistoryUnknown, finding.Warning); r.Failed() {
		fleettest.Print(t, r)
		t.Error("a shallow clone fails")
	}
}

// A changed address under a registered credential is not fine.
func TestAStaleServer(t *testing.T) {
	repo, builder, checker, k := signed(t)
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://two.example.com\n")
	for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
		found(t, pipe(t, p, builder), trust.RuleStaleServer, finding.Error)
	}
	if r := findDrift(t, repo, checker, pipelines.DriftOptions{}); !has(r, trust.RuleStaleServer) {
		t.Error("drift says nothing")
	}
	fleettest.MustPass(t, registerBy(t, builder, k), nil)
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
}

// Another CA, or another address, is another cluster, until a person says that it
// is not.
func TestANewIdentityIsNoRotation(t *testing.T) {
	_, builder, _, k := signed(t)
	fleettest.MustPass(t, registerBy(t, builder, k.Rotated(t)), nil)
	fleettest.MustPass(t, registerBy(t, builder, k.At(t, "https://one.example.com")), nil)
	for name, other := range map[string]fleettest.Kubeconfig{"its CA": fleettest.NewKubeconfig(t), "its address": k.At(t, "https://evil.example.com")} {
		t.Run(name, func(t *testing.T) {
			found(t, registerBy(t, builder, other), register.RuleNewIdentity, finding.Error)
		})
	}
	r, err := pipelines.Register(t.Context(), withNames(builder), pipelines.Registration{Kubeconfig: fleettest.NewKubeconfig(t).Data, From: "k", AcceptNewIdentity: true})
	fleettest.MustPass(t, r, err)
}

// The host's own API server is not a virtual cluster, by whatever name.
func TestTheHostIsNoVirtualCluster(t *testing.T) {
	repo, builder, _, k := signed(t)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/secrets/vc-one") {
			fmt.Fprint(w, secretJSON("vc-one", "config", string(k.Data)))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`)
	}))
	t.Cleanup(server.Close)
	asked, err := openHost(t, repo, server, host.Options{})("")
	if err != nil {
		t.Fatal(err)
	}
	port := server.URL[strings.LastIndex(server.URL, ":")+1:]
	builder.OpenHost = func(string) (*host.Host, error) { return asked, nil }
	for _, url := range []string{"https://example.com:" + port, "https://example.com"} { // a name in its certificate
		repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: "+url+"\n")
		r, err := pipelines.Register(context.Background(), withNames(builder), pipelines.Registration{})
		if err != nil {
			t.Fatal(err)
		}
		found(t, r, register.RuleHostServer, finding.Error)
	}
	// Nor is it registered by its own kubeconfig, which is at hand as ~/.kube/config.
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	own := strings.Replace(string(k.At(t, server.URL).Data), base64.StdEncoding.EncodeToString(k.CA), base64.StdEncoding.EncodeToString(ca), 1)
	r, err := pipelines.Register(t.Context(), withNames(builder), pipelines.Registration{Kubeconfig: []byte(own), From: "k"})
	if err != nil {
		t.Fatal(err)
	}
	if hasRule(r, credential.RuleRefused) || !hasRule(r, register.RuleHostServer) {
		fleettest.Print(t, r)
		t.Error("the host's own kubeconfig was taken")
	}
	if asked.HasAsOwn(server.URL, k.CA) || asked.HasAsOwn("https://127.0.0.1:1", ca) || !asked.HasAsOwn(server.URL, ca) {
		t.Error("what is the host's own is not told")
	}
	if asked.IsItself(t.Context(), "https://example.com:1") || asked.IsItself(t.Context(), "https://other.example.org:"+port) {
		t.Error("another server is taken for the host")
	}
}

// drift --repair follows a rotated credential, and never another cluster.
func TestRepairNeverAcceptsANewIdentity(t *testing.T) {
	repo, builder, _, _ := signed(t)
	before := repo.Read(t, registration)
	builder.OpenHost = hostOf(t, repo, map[string]string{
		"/version": `{}`, "/api/v1/namespaces/one/secrets/vc-one": secretJSON("vc-one", "config", string(fleettest.NewKubeconfig(t).Data)),
	})
	r := findDrift(t, repo, builder, pipelines.DriftOptions{Live: true, Repair: true})
	got := row(t, r, register.RuleNewIdentity)
	if got.Repaired || got.Repair != report.ByPerson {
		t.Errorf("%+v", got)
	}
	if string(repo.Read(t, registration)) != string(before) {
		t.Error("another cluster was registered")
	}
}

// What a spec makes of a rendered Secret, a check computes without the key.
func TestAStaleRenderedSecretIsSeenWithoutTheKey(t *testing.T) {
	repo, _, checker, _ := signed(t)
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n  values: {more: true}\n")
	if r := pipe(t, pipelines.Check, checker); !r.Failed() || !names(r, rendered) {
		fleettest.Print(t, r)
		t.Error("it is not seen")
	}
}

// What the spec makes of the cluster Secret and is sealed with the credential
// needs the credential to change.
func TestAStaleClusterSecret(t *testing.T) {
	for name, change := range map[string]string{"project": "project: default", "namespaces": "namespaces: [a]"} {
		t.Run(name, func(t *testing.T) {
			repo, builder, checker, k := signed(t)
			repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n  argocd: {cluster: {"+change+"}}\n")
			for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
				found(t, pipe(t, p, checker), trust.RuleStaleSecret, finding.Error)
				found(t, pipe(t, p, builder), trust.RuleStaleSecret, finding.Error)
			}
			fleettest.MustPass(t, registerBy(t, builder, k), nil)
			fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
			fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
		})
	}
}

// Labels and annotations of the cluster Secret stand in the open: the build that
// has the key follows the spec, and seals nothing.
func TestMetadataOfAClusterSecretFollowsTheSpec(t *testing.T) {
	for name, change := range map[string]string{"labels": "labels: {stage: prod}", "annotations": "annotations: {team: a}"} {
		t.Run(name, func(t *testing.T) {
			repo, builder, checker, k := signed(t)
			before := string(repo.Read(t, registration))
			repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n  argocd: {cluster: {"+change+"}}\n")
			found(t, pipe(t, pipelines.Check, checker), register.RuleStaleMetadata, finding.Error)
			found(t, pipe(t, pipelines.Build, checker), register.RuleStaleMetadata, finding.Warning)
			merging := checker
			merging.BeforeMerge = true
			found(t, pipe(t, pipelines.Check, merging), register.RuleStaleMetadata, finding.Warning)
			if string(repo.Read(t, registration)) != before {
				t.Fatal("it was written without the key")
			}
			fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
			after := string(repo.Read(t, registration))
			value := change[strings.Index(change, "{")+1 : len(change)-1]
			if !strings.Contains(after, value) || sealedValues(t, after) != sealedValues(t, before) {
				t.Errorf("the registration is\n%s", after)
			}
			fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
			if r := registerBy(t, builder, k); r.Failed() || r.Count(report.Changed) > 0 {
				fleettest.Print(t, r)
				t.Error("register writes, and the credential is the same")
			}
		})
	}
}

// Nobody without the key can have a build take over metadata beside ciphertext
// that is not proven.
func TestMetadataIsNotRefreshedOverAnEditedFile(t *testing.T) {
	repo, builder, _, _ := signed(t)
	edited := strings.Replace(string(repo.Read(t, registration)), "encryptedData:\n", "encryptedData:\n    more: QUJD\n", 1)
	repo.Write(t, registration, []byte(edited))
	repo.Cluster(t, "one", "  chart: {path: charts/c}\n  server: https://one.example.com\n  argocd: {cluster: {labels: {stage: prod}}}\n")
	if r := pipe(t, pipelines.Build, builder); !r.Failed() || string(repo.Read(t, registration)) != edited {
		t.Error("it was refreshed")
	}
}

// Without a key of the run nothing proves what stands there: the credential is
// sealed anew.
func TestMetadataWithoutAKeyNeedsRegister(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	k := fleettest.NewKubeconfig(t)
	fleettest.MustPass(t, registerBy(t, options, k), nil)
	repo.Write(t, "clusters/one/spec.yaml", append(repo.Read(t, "clusters/one/spec.yaml"), "  argocd: {cluster: {labels: {stage: prod}}}\n"...))
	for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
		found(t, pipe(t, p, options), register.RuleStaleMetadata, finding.Error)
	}
	fleettest.MustPass(t, registerBy(t, options, k), nil)
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)
}

// sealedValues returns the ciphertext in a registration's file.
func sealedValues(t *testing.T, file string) string {
	t.Helper()
	_, rest, found := strings.Cut(file, "encryptedData:\n")
	values, _, _ := strings.Cut(rest, "template:")
	if !found {
		t.Fatalf("no ciphertext in\n%s", file)
	}
	return values
}
