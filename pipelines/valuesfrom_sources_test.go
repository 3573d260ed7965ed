package pipelines_test

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/cluster"
	"kasou/pipelines/host"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
)

// hostWith answers for the one Secret one/db, whose key url has the value.
func hostWith(t *testing.T, repo fleettest.Repo, value string) func(string) (*host.Host, error) {
	t.Helper()
	return hostOf(t, repo, map[string]string{"/api/v1/namespaces/one/secrets/db": secretJSON("db", "url", value)})
}

func secretJSON(name, key, value string) string {
	return fmt.Sprintf(`{"kind":"Secret","apiVersion":"v1","metadata":{"name":%q,"namespace":"one"},"data":{%q:%q}}`,
		name, key, base64.StdEncoding.EncodeToString([]byte(value)))
}

// hostOf answers with the JSON for a path of the API, and 404 for any other.
func hostOf(t *testing.T, repo fleettest.Repo, answers map[string]string) func(string) (*host.Host, error) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}`
		}
		fmt.Fprint(w, answer)
	}))
	t.Cleanup(server.Close)
	return openHost(t, repo, server, host.Options{})
}

// openHost returns what opens the server as a host, by a kubeconfig in the
// repository, with one attempt a request.
func openHost(t *testing.T, repo fleettest.Repo, server *httptest.Server, o host.Options) func(string) (*host.Host, error) {
	t.Helper()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	repo.Write(t, "kubeconfig", fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: host
clusters: [{name: host, cluster: {server: %q, certificate-authority-data: %s}}]
users: [{name: me, user: {token: t}}]
contexts: [{name: host, context: {cluster: host, user: me}}]
`, server.URL, base64.StdEncoding.EncodeToString(ca)))
	o.Kubeconfig, o.Retries = filepath.Join(repo.Root, "kubeconfig"), -1
	return func(string) (*host.Host, error) { return host.Open(o) }
}

func TestValuesFromAHostSecret(t *testing.T) {
	repo, options, _ := hiding(t, map[string]string{"config.yaml": configSecret})
	spec := "  chart: {path: charts/c}\n  valuesFrom: [{path: database.source, secret: {name: db, key: %s}}]\n"
	repo.Cluster(t, "one", fmt.Sprintf(spec, "url"))
	options.OpenHost = hostWith(t, repo, canary)
	r := pipe(t, pipelines.Build, options)
	fleettest.MustPass(t, r, nil)
	if values := string(repo.Read(t, "clusters/one/values.yaml")); !strings.Contains(values, "(sealed: secret one/db url ") {
		t.Errorf("values.yaml is\n%s", values)
	}
	noValue(t, repo, canary, r)

	// A host that does not answer: a build cannot finish, a check looks on.
	options.OpenHost = func(string) (*host.Host, error) { return nil, &host.ConfigError{Reason: "none"} }
	if r = pipe(t, pipelines.Build, options); len(r.Unfinished) != 1 {
		t.Errorf("an unreachable host gives %s", rules(r))
	}
	r = pipe(t, pipelines.Check, options)
	fleettest.MustPass(t, r, nil)
	if !has(r, cluster.RuleValuesUnknown) {
		t.Errorf("the check finds %s", rules(r))
	}

	repo.Cluster(t, "one", fmt.Sprintf(spec, "other"))
	options.OpenHost = hostWith(t, repo, canary)
	if r = pipe(t, pipelines.Build, options); !has(r, cluster.RuleValueMissing) {
		t.Errorf("a key that is not there gives %s", rules(r))
	}
}

// engine is a toolchain that keeps what it is given, as an engine does.
type engine struct {
	toolchain.Toolchain
	kept *[]byte
}

func (e engine) Template(ctx context.Context, releases ...toolchain.Release) []toolchain.Result[manifest.Files] {
	for _, r := range releases {
		*e.kept = append(*e.kept, r.Values...)
	}
	return e.Toolchain.Template(ctx, releases...)
}

func TestAnEngineNeverGetsAValue(t *testing.T) {
	repo, options, _ := hiding(t, map[string]string{"config.yaml": configSecret})
	inside := options.Toolchain
	options.Toolchain = engine{inside, new([]byte)}
	options.InProcess = func() (toolchain.Helm, error) { return inside, nil }
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	given := *options.Toolchain.(engine).kept
	if _, there := seal.NewSearch(canary).Line(given); there || len(given) == 0 {
		t.Errorf("the engine was given\n%s", given)
	}
	options.Toolchain, options.InProcess = inside, nil
	before := snapshot(t, repo.Root)
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	if snapshot(t, repo.Root) != before {
		t.Error("the other toolchain gives other bytes")
	}
}

func TestValuesShowsThePlaceholder(t *testing.T) {
	_, options, _ := hiding(t, map[string]string{"config.yaml": configSecret})
	options.Names = []string{"one"}
	fresh, _, err := pipelines.Values(context.Background(), options, pipelines.ValuesOptions{})
	if err != nil || !strings.Contains(string(fresh), "source: '(sealed: env KASOU_VALUE_DATABASE)'") {
		t.Errorf("%v\n%s", err, fresh)
	}
	options.Names = nil
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	options.Names = []string{"one"}
	built, _, err := pipelines.Values(context.Background(), options, pipelines.ValuesOptions{})
	if err != nil || !strings.Contains(string(built), "(sealed: env KASOU_VALUE_DATABASE ") {
		t.Errorf("%v\n%s", err, built)
	}
}

// Several Secrets of a file, in a List too: those with the value are sealed as
// what can be guessed, the others as what is in git.
func TestValuesFromInAList(t *testing.T) {
	list := "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: open}, data: {a: b}}\n" +
		"- {apiVersion: v1, kind: Secret, metadata: {name: public}, stringData: {a: b}}\n" +
		"- {apiVersion: v1, kind: Secret, metadata: {name: hidden}, stringData: {a: {{ .Values.database.source | quote }}}}\n"
	repo, options, env := hiding(t, map[string]string{"list.yaml": list, "config.yaml": configSecret + "---\n" + strings.Replace(configSecret, "name: config", "name: second", 1)})
	r := pipe(t, pipelines.Build, options)
	fleettest.MustPass(t, r, nil)
	noValue(t, repo, canary, r)
	if got := string(repo.Read(t, "clusters/one/manifests/c/templates/list.yaml")); strings.Count(got, "kind: SealedSecret") != 2 {
		t.Errorf("the list is\n%s", got)
	}
	before := snapshot(t, repo.Root)
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	env["KASOU_VALUE_DATABASE"] = ""
	fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)
	options.SealKey = ""
	fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)
	if snapshot(t, repo.Root) != before {
		t.Error("something was written")
	}
}
