package contract

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/argoproj/gitops-engine/pkg/health"
	"github.com/argoproj/gitops-engine/pkg/sync/common"
	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// mustSucceed fails the test where a sync did not come to its end.
func mustSucceed(t *testing.T, o outcome) {
	t.Helper()
	if o.phase != common.OperationSucceeded {
		t.Fatalf("the sync is %s: %s %v", o.phase, o.message, o.results)
	}
}

func before(log []string, first, second string) bool {
	one, two := slices.Index(log, first), slices.Index(log, second)
	return one >= 0 && two >= 0 && one < two
}

// A person's word in git and two commits are all that a cluster needs to leave,
// and the rest of the fleet goes on meanwhile.
func TestLeaving(t *testing.T) {
	for _, deletion := range []string{"orphan", "cascade"} {
		t.Run(deletion, func(t *testing.T) {
			r, h := newRepository(t), newHost(t)
			r.cluster(t, "one", "", "  argocd: {deletion: "+deletion+"}\n")
			r.cluster(t, "two", "", "")
			r.run(t, "build")
			r.register(t, "one")
			mustSucceed(t, h.sync(t, r.rootApp()))
			mustSucceed(t, h.sync(t, r.app(t, "one")))

			spec, err := os.ReadFile(r.path("clusters/one/spec.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			r.write(t, "clusters/one/spec.yaml", string(spec)+"  retire: true\n")
			r.run(t, "build")
			mustSucceed(t, h.sync(t, r.rootApp()))
			mustSucceed(t, h.sync(t, r.app(t, "one")))
			if !h.has("Application", "one") || !h.has("SealedSecret", "cluster-one") {
				t.Fatal("retire alone takes something away")
			}
			asks := strings.Contains(h.find("Namespace", "one").GetAnnotations()[syncOptions], "confirm")
			if asks != (deletion == "orphan") {
				t.Errorf("Argo CD asks before it deletes the Namespace: %v", asks)
			}

			// The spec goes while another cluster comes.
			h.done()
			if err := os.Remove(r.path("clusters/one/spec.yaml")); err != nil {
				t.Fatal(err)
			}
			r.cluster(t, "three", "", "")
			r.run(t, "build")
			mustSucceed(t, h.sync(t, r.rootApp()))
			if h.has("Application", "one") || h.has("SealedSecret", "cluster-one") {
				t.Errorf("still there: %v", h.log)
			}
			if !h.has("Application", "three") {
				t.Error("the new cluster waits")
			}
			// The finalizer of a cascade is at work for as long as it takes: the next
			// commit does not wait for it.
			if deleting := h.find("Application", "one"); (deleting != nil) != (deletion == "cascade") {
				t.Errorf("the Application is %v", deleting)
			}
			r.cluster(t, "four", "", "")
			r.run(t, "build")
			mustSucceed(t, h.sync(t, r.rootApp()))
			if !h.has("Application", "four") {
				t.Error("the next cluster waits for the deletion")
			}
			if !h.has("Namespace", "one") || !h.has("StatefulSet", "one") {
				t.Error("the app of apps itself took something of the virtual cluster away")
			}
		})
	}
}

// What is deleted from git without retire stays on the host, and freezes nothing.
func TestLeavingWithoutRetire(t *testing.T) {
	for name, gone := range map[string]string{"its spec": "clusters/one/spec.yaml", "its folder": "clusters/one"} {
		t.Run(name, func(t *testing.T) {
			r, h := newRepository(t), newHost(t)
			r.cluster(t, "one", "", "  argocd: {deletion: cascade}\n")
			r.run(t, "build")
			r.register(t, "one")
			mustSucceed(t, h.sync(t, r.rootApp()))
			if err := os.RemoveAll(r.path(gone)); err != nil {
				t.Fatal(err)
			}
			r.cluster(t, "two", "", "")
			r.run(t, "build")
			mustSucceed(t, h.sync(t, r.rootApp()))
			if !h.has("Application", "one") || !h.has("SealedSecret", "cluster-one") {
				t.Errorf("it is gone: %v", h.log)
			}
			if !h.has("Application", "two") {
				t.Error("the new cluster waits")
			}
		})
	}
}

// This is why there is no Prune=confirm: one removal that waits keeps the app of
// apps from applying anything else.
func TestPruneConfirmFreezesAFleet(t *testing.T) {
	r, h := newRepository(t), newHost(t)
	r.cluster(t, "one", "", "")
	r.run(t, "build")
	mustSucceed(t, h.sync(t, r.rootApp()))
	h.find("Application", "one").SetAnnotations(map[string]string{syncOptions: "Prune=confirm"})
	if err := os.Remove(r.path("clusters/one/spec.yaml")); err != nil {
		t.Fatal(err)
	}
	r.cluster(t, "two", "", "")
	r.run(t, "build")
	if o := h.sync(t, r.rootApp()); o.phase != common.OperationRunning || h.has("Application", "two") {
		t.Errorf("the sync is %s and cluster two there: %v", o.phase, h.has("Application", "two"))
	}
}

// This is why objects in root/ have no waves: between two waves the whole fleet
// waits until an Application that cascades is gone, and until every
// SealedSecret is unsealed.
func TestAWaveInTheAppOfAppsFreezesAFleet(t *testing.T) {
	r, h := newRepository(t), newHost(t)
	r.cluster(t, "one", "", "  argocd: {deletion: cascade}\n  retire: true\n")
	r.run(t, "build")
	r.register(t, "one")
	mustSucceed(t, h.sync(t, r.rootApp()))
	h.find("Application", "one").SetAnnotations(map[string]string{"argocd.argoproj.io/sync-wave": "1"})
	if err := os.Remove(r.path("clusters/one/spec.yaml")); err != nil {
		t.Fatal(err)
	}
	r.run(t, "build")
	if o := h.sync(t, r.rootApp()); o.phase != common.OperationRunning || !strings.Contains(o.message, "deletion") {
		t.Errorf("the sync is %s: %s", o.phase, o.message)
	}
	for _, o := range documents(t, r.path("clusters/root")) {
		if o.GetAnnotations()["argocd.argoproj.io/sync-wave"] != "" {
			t.Errorf("%s %s has a wave", o.GetKind(), o.GetName())
		}
	}
}

// Every chart: the Namespace first, then what is sealed, then what reads it. From
// each chart to the next nothing is pruned and nothing waits.
func TestEveryChart(t *testing.T) {
	archives, _ := filepath.Glob(filepath.Join(upstreamCharts(), "*.tgz"))
	if len(archives) == 0 {
		t.Skipf("SKIPPED: no upstream charts in %s; set KASOU_UPSTREAM_CHARTS to a folder with vcluster-*.tgz", upstreamCharts())
	}
	r, h := newRepository(t), newHost(t)
	slices.SortFunc(archives, func(a, b string) int { return strings.Compare(version(a), version(b)) })
	previous := ""
	for _, archive := range archives {
		archive = filepath.Base(archive)
		t.Run(archive, func(t *testing.T) {
			fresh := newHost(t)
			r.cluster(t, "one", archive, "")
			r.run(t, "build")
			mustSucceed(t, fresh.sync(t, r.app(t, "one")))
			log := fresh.done()
			if len(log) == 0 || log[0] != "apply Namespace one" {
				t.Errorf("the Namespace is not first: %v", log)
			}
			for _, done := range log {
				for _, o := range log {
					if strings.HasPrefix(done, "apply SealedSecret") && (strings.HasPrefix(o, "apply StatefulSet") || strings.HasPrefix(o, "apply Deployment")) && !before(log, done, o) {
						t.Errorf("%s comes after %s", done, o)
					}
				}
			}
			mustSucceed(t, h.sync(t, r.app(t, "one")))
			for _, done := range h.done() {
				if strings.HasPrefix(done, "prune") {
					t.Errorf("the step from %s: %s", previous, done)
				}
			}
			previous = archive
		})
	}
}

// version sorts charts by their version's numbers.
func version(archive string) string {
	name := strings.TrimSuffix(filepath.Base(archive), ".tgz")
	var key strings.Builder
	for _, part := range strings.Split(name[strings.LastIndex(name, "-")+1:], ".") {
		key.WriteString(strings.Repeat("0", 6-len(part)) + part)
	}
	return key.String() + name
}

// Where the controller is down, or refuses, the StatefulSet of a new cluster is
// not applied, and another cluster is.
func TestAControllerThatIsDown(t *testing.T) {
	const chart = "vcluster-0.24.1.tgz"
	if _, err := os.Stat(filepath.Join(upstreamCharts(), chart)); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	r, h := newRepository(t), newHost(t)
	r.cluster(t, "one", chart, "")
	r.cluster(t, "two", "", "")
	r.run(t, "build")
	r.register(t, "two")
	h.unsealing = nil
	if o := h.sync(t, r.app(t, "one")); o.phase != common.OperationRunning || h.has("StatefulSet", "one") {
		t.Errorf("the sync is %s, the StatefulSet there: %v", o.phase, h.has("StatefulSet", "one"))
	}
	mustSucceed(t, h.sync(t, r.rootApp()))
	mustSucceed(t, h.sync(t, r.app(t, "two")))
	h.unsealing = unsealed
	h.unsealing(h.find("SealedSecret", "vc-config-one"))
	mustSucceed(t, h.sync(t, r.app(t, "one")))
	if !h.has("StatefulSet", "one") {
		t.Error("with the controller back the StatefulSet does not come")
	}
}

// On a changed configuration the SealedSecret comes first; but where the
// controller is slower than Argo CD's pause between waves, the check of
// SealedSecrets that Argo CD has takes the answer about the old contents for one
// about the new. The check in docs/argocd.md waits for the new ones.
func TestAChangedConfiguration(t *testing.T) {
	const chart = "vcluster-0.24.1.tgz"
	if _, err := os.Stat(filepath.Join(upstreamCharts(), chart)); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	for name, c := range map[string]struct {
		check health.HealthOverride
		waits bool
	}{
		"Argo CD's own check": {argocdHealth{}, false},
		"the documented one":  {luaHealth(documentedCheck(t)), true},
	} {
		t.Run(name, func(t *testing.T) {
			r, h := newRepository(t), newHost(t)
			r.cluster(t, "one", chart, "")
			r.run(t, "build")
			app := r.app(t, "one")
			app.health = c.check
			mustSucceed(t, h.sync(t, app))
			h.done()
			hash := configHash(h)

			h.unsealing = nil // slow
			r.cluster(t, "one", chart, "  values: {controlPlane: {coredns: {enabled: false}}}\n")
			r.run(t, "build")
			out := h.sync(t, app)
			if waits := out.phase == common.OperationRunning && configHash(h) == hash; waits != c.waits {
				t.Errorf("the sync is %s: %s; the StatefulSet waits: %v; %v before %v", out.phase, out.message, waits, configHash(h), hash)
			}
			unsealed(h.find("SealedSecret", "vc-config-one"))
			mustSucceed(t, h.sync(t, app))
			if configHash(h) == hash {
				t.Error("the StatefulSet has the old hash")
			}
		})
	}
}

// Where the API server refuses the StatefulSet, the new configuration is on the host
// already; a revert, or the next step, brings both together.
func TestAStepThatStopsHalfWay(t *testing.T) {
	const chart = "vcluster-0.24.1.tgz"
	if _, err := os.Stat(filepath.Join(upstreamCharts(), chart)); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	r, h := newRepository(t), newHost(t)
	r.cluster(t, "one", chart, "")
	r.run(t, "build")
	mustSucceed(t, h.sync(t, r.app(t, "one")))
	configuration := func() string { return fmt.Sprint(h.find("SealedSecret", "vc-config-one").Object["spec"]) }
	sealed, hash := configuration(), configHash(h)
	h.done()

	h.refusing = map[string]bool{"StatefulSet": true}
	r.cluster(t, "one", chart, "  values: {controlPlane: {statefulSet: {scheduling: {podManagementPolicy: OrderedReady}}}}\n")
	r.run(t, "build")
	if o := h.sync(t, r.app(t, "one")); o.phase != common.OperationFailed {
		t.Errorf("the sync is %s: %s", o.phase, o.message)
	}
	if configuration() == sealed || configHash(h) != hash {
		t.Errorf("not half-way: %v", h.log)
	}

	h.refusing = nil // a person deleted it, or the next commit takes the change back
	r.cluster(t, "one", chart, "")
	r.run(t, "build")
	mustSucceed(t, h.sync(t, r.app(t, "one")))
	if configHash(h) != hash {
		t.Error("the StatefulSet is not what it was")
	}
}

// configHash returns the pod's annotations in the StatefulSet, a hash of the
// configuration among them.
func configHash(h *host) string {
	annotations, _, _ := unstructured.NestedStringMap(h.find("StatefulSet", "one").Object, "spec", "template", "metadata", "annotations")
	return fmt.Sprint(annotations)
}

// luaHealth is a health check of SealedSecrets in Lua, as argocd-cm has them.
type luaHealth string

func (l luaHealth) GetResourceHealth(o *unstructured.Unstructured) (*health.HealthStatus, error) {
	if o.GetKind() != "SealedSecret" {
		return argocdHealth{}.GetResourceHealth(o)
	}
	state := lua.NewState()
	defer state.Close()
	state.SetGlobal("obj", inLua(state, o.Object))
	if err := state.DoString(string(l)); err != nil {
		return nil, err
	}
	table, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, errors.New("the check returns no table")
	}
	return &health.HealthStatus{Status: health.HealthStatusCode(lua.LVAsString(table.RawGetString("status")))}, nil
}

func inLua(state *lua.LState, value any) lua.LValue {
	switch v := value.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, one := range v {
			table.RawSetString(key, inLua(state, one))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, one := range v {
			table.Append(inLua(state, one))
		}
		return table
	case string:
		return lua.LString(v)
	case int64:
		return lua.LNumber(v)
	}
	return lua.LNil
}

// documentedCheck returns the one in docs/argocd.md.
func documentedCheck(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/argocd.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), "resource.customizations.health.bitnami.com_SealedSecret: |\n")
	check, _, found := strings.Cut(after, "```")
	if !found {
		t.Fatal("docs/argocd.md has no check of SealedSecrets")
	}
	return check
}
