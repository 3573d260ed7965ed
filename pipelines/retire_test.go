package pipelines_test

import (
	"encoding/json"
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
	"kasou/pipelines/finding"
	"kasou/pipelines/host"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/retire"
)

// argoHost serves Applications and SealedSecrets by name, and the Namespace one,
// each with the annotations that it has; a name without any is not there.
type argoHost struct {
	applications, secrets map[string]map[string]string
	namespace             map[string]string
	// into are the servers that other Applications deploy to.
	into map[string]string
	down bool
}

func (a *argoHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	metadata := func(all map[string]map[string]string) map[string]any {
		name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
		annotations, ok := all[name]
		if !ok {
			return nil
		}
		return map[string]any{"metadata": map[string]any{"name": name, "annotations": annotations}}
	}
	var answer any
	switch path := r.URL.Path; {
	case a.down:
	case path == "/apis/argoproj.io/v1alpha1":
		answer = resources("applications", "Application", true)
	case path == "/apis/bitnami.com/v1alpha1":
		answer = resources("sealedsecrets", "SealedSecret", true)
	case path == "/api/v1":
		answer = resources("namespaces", "Namespace", false)
	case path == "/api/v1/namespaces/one":
		answer = metadata(map[string]map[string]string{"one": a.namespace})
	case path == "/apis/argoproj.io/v1alpha1/applications":
		var items []any
		for name, server := range a.into {
			items = append(items, map[string]any{
				"metadata": map[string]any{"namespace": "argocd", "name": name},
				"spec":     map[string]any{"destination": map[string]any{"server": server}},
			})
		}
		answer = map[string]any{"items": items}
	case strings.Contains(path, "/namespaces/argocd/applications/"):
		answer = metadata(a.applications)
	case strings.Contains(path, "/namespaces/argocd/sealedsecrets/"):
		answer = metadata(a.secrets)
	}
	w.Header().Set("Content-Type", "application/json")
	if found, ok := answer.(map[string]any); answer == nil || ok && found == nil {
		w.WriteHeader(http.StatusNotFound)
		answer = map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func resources(name, kind string, namespaced bool) map[string]any {
	return map[string]any{"resources": []any{map[string]any{"name": name, "kind": kind, "namespaced": namespaced}}}
}

func (a *argoHost) open(t *testing.T) func(string) (*host.Host, error) {
	t.Helper()
	server := httptest.NewTLSServer(a)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := fmt.Sprintf(`{"apiVersion": "v1", "kind": "Config", "current-context": "a",
"clusters": [{"name": "a", "cluster": {"server": %q, "certificate-authority-data": %q}}],
"contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}], "users": [{"name": "a", "user": {"token": "t"}}]}`,
		server.URL, base64Of(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(string) (*host.Host, error) { return host.Open(host.Options{Kubeconfig: file, Retries: -1}) }
}

func base64Of(data []byte) string {
	text, _ := json.Marshal(data)
	return strings.Trim(string(text), `"`)
}

// states are the steps of a report, such as "retire done, applications next".
func states(r *report.Report) string {
	var all []string
	for _, s := range r.Steps {
		all = append(all, s.Name+" "+string(s.State))
	}
	return strings.Join(all, ", ")
}

// The whole way out, in the order that keeps Applications from losing the
// cluster that they should clean up.
func TestRetireLeadsOut(t *testing.T) {
	repo := example(t)
	repo.Cluster(t, "one", "  # as it was\n  server: https://one.example.com\n  argocd: {deletion: cascade}\n")
	options := built(t, repo)
	fleettest.MustPass(t, registerBy(t, options, fleettest.NewKubeconfig(t)), nil)
	guards := map[string]string{"argocd.argoproj.io/sync-options": "Delete=confirm,Prune=false"}
	live := &argoHost{
		applications: map[string]map[string]string{"one": guards}, secrets: map[string]map[string]string{"cluster-one": guards},
		namespace: guards, into: map[string]string{"shop": "https://one.example.com", "other": "https://two.example.com"},
	}
	options.OpenHost = live.open(t)
	want := func(expected string) {
		t.Helper()
		r, err := pipelines.Retire(t.Context(), options, "one", true)
		fleettest.MustPass(t, r, err)
		if states(r) != expected {
			t.Errorf("the steps are\n%s\nwant\n%s", states(r), expected)
			fleettest.Print(t, r)
		}
	}
	want("retire done, applications next, build later, guards later, spec later, vcluster later, secret later")
	if spec := string(repo.Read(t, "clusters/one/spec.yaml")); !strings.Contains(spec, "spec:\n  retire: true\n  # as it was\n") {
		t.Errorf("the spec is\n%s", spec)
	}
	delete(live.into, "shop")
	want("retire done, applications done, build next, guards later, spec later, vcluster later, secret later")
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	want("retire done, applications done, build done, guards next, spec later, vcluster later, secret later")
	live.applications["one"], live.secrets["cluster-one"] = map[string]string{}, map[string]string{}
	want("retire done, applications done, build done, guards next, spec later, vcluster later, secret later")
	live.namespace = map[string]string{"argocd.argoproj.io/sync-options": "Prune=false"}
	want("retire done, applications done, build done, guards done, spec next, vcluster later, secret later")
	if err := os.Remove(filepath.Join(repo.Root, "clusters/one/spec.yaml")); err != nil {
		t.Fatal(err)
	}
	want("retire done, applications done, build done, guards done, spec next, vcluster later, secret later")
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	want("retire done, applications done, build done, guards done, spec done, vcluster next, secret later")
	clear(live.applications)
	clear(live.secrets)
	want("retire done, applications done, build done, guards done, spec done, vcluster done, secret done")
}

// What the host does not tell is unknown: neither done nor left to do.
func TestRetireWithoutAHost(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	options.OpenHost = (&argoHost{down: true}).open(t)
	const expected = "retire done, applications unknown, build next, guards unknown, spec later, vcluster unknown, secret unknown"
	for name, live := range map[string]bool{"not asked": false, "without an Argo CD": true} {
		r, err := pipelines.Retire(t.Context(), options, "one", live)
		if err != nil || states(r) != expected || live != (len(r.Unfinished) > 0) {
			t.Errorf("%s: error %v, unfinished %v, the steps are %s", name, err, r.Unfinished, states(r))
		}
	}
}

// A spec that kasou cannot edit stays as it is, with a finding that says what to
// write.
func TestRetireByHand(t *testing.T) {
	for name, text := range map[string]string{
		"a flow mapping": "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: one}\nspec: {namespace: one}\n",
		"one line":       "{apiVersion: kasou/v1, kind: VirtualCluster, metadata: {name: one}, spec: {}}\n",
	} {
		t.Run(name, func(t *testing.T) {
			repo := example(t)
			repo.Write(t, "clusters/one/spec.yaml", []byte(text))
			r, err := pipelines.Retire(t.Context(), repo.Options(t, tools(t)), "one", false)
			if err != nil || !has(r, retire.RuleRetireByHand) {
				t.Errorf("error %v, findings %s", err, rules(r))
			}
			if after := string(repo.Read(t, "clusters/one/spec.yaml")); after != text {
				t.Errorf("the spec is\n%s", after)
			}
		})
	}
}

// One default must not take the guards of a whole fleet away.
func TestRetireIsNoDefault(t *testing.T) {
	repo := example(t, "one")
	fleetFile := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(fleetFile+"  defaults: {retire: true}\n"))
	if r := pipe(t, pipelines.Build, repo.Options(t, tools(t))); rules(r) != "fleet-shared-retire" {
		t.Errorf("build finds %s", rules(r))
	}
}

// A cluster that leaves git with its guards is told of: its Application stays.
func TestLeavingWithoutRetireIsReported(t *testing.T) {
	repo := example(t, "one", "two")
	options := built(t, repo)
	if err := os.Remove(filepath.Join(repo.Root, "clusters/one/spec.yaml")); err != nil {
		t.Fatal(err)
	}
	for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
		if r := pipe(t, p, options); !has(r, retire.RuleStillGuarded) {
			t.Errorf("it finds %s", rules(r))
		}
	}
}

// In a fleet that signs, the guards of a registration change where the key is,
// and the statement about it stays but for its serial number.
func TestRetiringSignsTheRegistration(t *testing.T) {
	repo, builder, checker, _ := signed(t)
	before, err := lockfile.Parse(repo.Read(t, "clusters/one/lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	guarded := string(repo.Read(t, registration))
	repo.Write(t, "clusters/one/spec.yaml", append(repo.Read(t, "clusters/one/spec.yaml"), "  retire: true\n"...))
	r := pipe(t, pipelines.Build, checker)
	fleettest.MustPass(t, r, nil)
	found(t, r, register.RuleGuardUnsigned, finding.Warning)
	if string(repo.Read(t, registration)) != guarded {
		t.Error("the registration changed without a signature")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, builder), nil)
	if string(repo.Read(t, registration)) == guarded {
		t.Error("the registration has its guards still")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Check, checker), nil)
	after, err := lockfile.Parse(repo.Read(t, "clusters/one/lock.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	want, got := before.Sealed["root/one.cluster.yaml"], after.Sealed["root/one.cluster.yaml"]
	want.Serial++
	want.Signature = got.Signature
	if got != want {
		t.Errorf("the statement is %+v, not %+v", got, want)
	}
}
