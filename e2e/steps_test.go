package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/e2e/internal/build"
	"kasou/e2e/internal/process"
	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
)

// deployedEtcd are the lines of a spec whose chart deploys an etcd with so many members.
func deployedEtcd(members int) string {
	return fmt.Sprintf("  server: https://x.example.com\n  values: {controlPlane: {backingStore: {etcd: {deploy: {enabled: true, statefulSet: {highAvailability: {replicas: %d}}}}}}}\n", members)
}

// upstreamCluster writes the spec of a cluster of an upstream chart, builds it, and
// returns its objects.
func upstreamCluster(t *testing.T, repo fleettest.Repo, options pipelines.Options, name, version, lines string) []*unstructured.Unstructured {
	t.Helper()
	repo.Copy(t, "charts/vcluster-"+version+".tgz", upstream.Chart(t, "vcluster-"+version))
	repo.Cluster(t, name, "  chart: {path: charts/vcluster-"+version+".tgz}\n"+lines)
	r, err := pipelines.Build(t.Context(), options)
	fleettest.MustPass(t, r, err)
	return generatedOf(t, repo, name)
}

// etcdCommand returns the arguments that the chart gives its etcd, of so many members.
func etcdCommand(t *testing.T, repo fleettest.Repo, options pipelines.Options, members int) []string {
	t.Helper()
	for _, o := range upstreamCluster(t, repo, options, "x", "0.36.1", deployedEtcd(members)) {
		if o.GetKind() != "StatefulSet" || o.GetName() != "x-etcd" {
			continue
		}
		containers, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
		must(t, err)
		command, _, err := unstructured.NestedStringSlice(containers[0].(map[string]any), "command")
		must(t, err)
		return command
	}
	t.Fatal("the chart renders no etcd")
	return nil
}

// etcdMember is an etcd that runs as a pod of the chart's StatefulSet would, on the
// loopback and without TLS.
type etcdMember struct {
	*process.Process
	client, metrics string
}

// etcds are the members of one StatefulSet: their addresses and volumes stay.
type etcds struct {
	dir   string
	ports map[string]int
}

func (e *etcds) port(t *testing.T, what string) int {
	if e.ports[what] == 0 {
		port, err := process.FreePort()
		must(t, err)
		e.ports[what] = port
	}
	return e.ports[what]
}

// start runs the member of that number by the chart's arguments.
func (e *etcds) start(t *testing.T, number int, command []string) etcdMember {
	t.Helper()
	name := fmt.Sprintf("x-etcd-%d", number)
	arguments := []string{"--name=" + name, "--data-dir=" + filepath.Join(e.dir, name)}
	for _, kind := range []string{"peer", "client", "metrics"} {
		arguments = append(arguments, fmt.Sprintf("--listen-%s-urls=http://127.0.0.1:%d", kind, e.port(t, name+kind)))
	}
	arguments = append(arguments, fmt.Sprintf("--advertise-client-urls=http://127.0.0.1:%d", e.port(t, name+"client")),
		fmt.Sprintf("--initial-advertise-peer-urls=http://127.0.0.1:%d", e.port(t, name+"peer")))
	for _, a := range command {
		if members, ok := strings.CutPrefix(a, "--initial-cluster="); ok {
			for i := range strings.Count(members, "=") {
				of := fmt.Sprintf("x-etcd-%d", i)
				members = strings.ReplaceAll(members, fmt.Sprintf("https://%s.x-etcd-headless.x:2380", of), fmt.Sprintf("http://127.0.0.1:%d", e.port(t, of+"peer")))
			}
			arguments = append(arguments, "--initial-cluster="+members)
		} else if strings.HasPrefix(a, "--initial-cluster-") {
			arguments = append(arguments, a)
		}
	}
	p, err := process.Start(name, filepath.Join(e.dir, name+".log"), exec.Command(binaries[build.Etcd.Module], arguments...))
	must(t, err)
	t.Cleanup(p.Stop)
	return etcdMember{p, fmt.Sprintf("http://127.0.0.1:%d", e.port(t, name+"client")), fmt.Sprintf("http://127.0.0.1:%d", e.port(t, name+"metrics"))}
}

// ready is what the chart's startup probe asks.
func (m etcdMember) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.metrics+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("%s: %s", response.Status, text)
	}
	return nil
}

// ask sends a request to etcd's JSON gateway, and returns how many keys it answers with.
func (m etcdMember) ask(t *testing.T, path, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, m.client+path, strings.NewReader(body))
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = response.Body.Close() }()
	var answer struct {
		Keys []any `json:"kvs"`
	}
	must(t, json.NewDecoder(response.Body).Decode(&answer))
	return len(answer.Keys)
}

// What kasou plan says of the etcd of a chart that gets more members, or fewer, is what a
// real etcd does with the chart's own arguments.
func TestAnEtcdOfTheChartDoesNotScale(t *testing.T) {
	env := hostOf(t, newest)
	repo, options := newFleet(t, env)
	one, three := etcdCommand(t, repo, options, 1), etcdCommand(t, repo, options, 3)
	const put, key = `{"key":"YQ==","value":"Yg=="}`, `{"key":"YQ=="}`
	ready := func(m etcdMember) {
		t.Helper()
		must(t, m.Wait(time.Minute, m.ready))
	}
	t.Run("from one to three", func(t *testing.T) {
		e := etcds{dir: t.TempDir(), ports: map[string]int{}}
		first := e.start(t, 0, one)
		ready(first)
		first.ask(t, "/v3/kv/put", put)
		second, third := e.start(t, 1, three), e.start(t, 2, three)
		first.Stop()
		first = e.start(t, 0, three)
		for _, m := range []etcdMember{first, second, third} {
			ready(m)
		}
		if got := first.ask(t, "/v3/kv/range", key); got != 1 {
			t.Errorf("the first member has %d keys, want its one", got)
		}
		if a, b := second.ask(t, "/v3/kv/range", key), third.ask(t, "/v3/kv/range", key); a != 0 || b != 0 {
			t.Errorf("the new members have %d and %d keys: they joined, and the plan is wrong", a, b)
		}
	})
	t.Run("from three to one", func(t *testing.T) {
		e := etcds{dir: t.TempDir(), ports: map[string]int{}}
		members := []etcdMember{e.start(t, 0, three), e.start(t, 1, three), e.start(t, 2, three)}
		for _, m := range members {
			ready(m)
		}
		for _, m := range members {
			m.Stop()
		}
		left := e.start(t, 0, one)
		if err := left.Wait(10*time.Second, left.ready); err == nil {
			t.Error("the one that is left is ready: the plan is wrong")
		}
	})
}

// vcluster remembers its store by an annotation of the Secret of its configuration, and
// refuses another store by it. The Sealed Secrets controller takes it away together with
// the values before, so that nothing refuses: that is why the plan says data-lost.
func TestTheStoreOfAClusterIsForgotten(t *testing.T) {
	env := hostOf(t, newest)
	_ = env.sealing(t)
	repo, options := newFleet(t, env)
	a := applierOf(t, env.host)
	const name, secret, annotation = "forgets", "vc-config-forgets", "vcluster.loft.sh/store"
	namespace(t, env.host, name)
	applied := func(lines string) {
		t.Helper()
		for _, o := range upstreamCluster(t, repo, options, name, "0.30.0", "  server: https://forgets.example.com\n"+lines) {
			if o.GetKind() == "SealedSecret" && o.GetName() == secret {
				_, err := a.Object(t.Context(), o, name, false)
				must(t, err)
			}
		}
	}
	applied("")
	before := secretOf(t, env, name, secret)
	before.Annotations = map[string]string{annotation: "embedded-database"} // as vcluster does at its start
	secrets := clientOf(t, env.host).CoreV1().Secrets(name)
	_, err := secrets.Update(t.Context(), before, metav1.UpdateOptions{})
	must(t, err)
	applied("  values: {controlPlane: {backingStore: {etcd: {deploy: {enabled: true}}}}}\n")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		after := secretOf(t, env, name, secret)
		if bytes.Equal(after.Data["config.yaml"], before.Data["config.yaml"]) {
			if time.Now().After(deadline) {
				t.Fatal("the new values were not unsealed")
			}
			continue
		}
		if store, there := after.Annotations[annotation]; there {
			t.Errorf("the Secret still says %s: vcluster refuses the step, and the plan may say so", store)
		}
		return
	}
}
