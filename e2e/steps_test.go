package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"kasou/e2e/internal/build"
	"kasou/e2e/internal/process"
	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/policy"
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

// The API server's own admission refuses the pods that the build warns of, and takes the
// others: each chart on each level.
func TestPodSecurityIsWhatTheAPIServerSays(t *testing.T) {
	env := hostOf(t, newest)
	repo, options := newFleet(t, env)
	refused, taken := 0, 0
	for i, archive := range upstream.All(t) {
		chart := strings.TrimSuffix(filepath.Base(archive), ".tgz")
		repo.Copy(t, "charts/"+chart+".tgz", archive)
		for _, level := range []string{"baseline", "restricted"} {
			name := fmt.Sprintf("level-%d-%s", i, level)
			repo.Cluster(t, name, "  chart: {path: charts/"+chart+".tgz}\n  server: https://"+name+".example.com\n  podSecurity: {enforce: "+level+"}\n")
			r, err := pipelines.Build(t.Context(), options)
			fleettest.MustPass(t, r, err)
			warned := map[string]bool{}
			for _, f := range r.Findings {
				if _, of, ok := strings.Cut(f.Message, "refuses the pods of "); ok && f.Rule == policy.RulePodSecurity && f.Cluster == name {
					workload, _, _ := strings.Cut(of, ":")
					warned[workload] = true
				}
			}
			for _, o := range generatedOf(t, repo, name) {
				template, there, err := unstructured.NestedMap(o.Object, "spec", "template")
				must(t, err)
				if !there || o.GetKind() != "StatefulSet" && o.GetKind() != "Deployment" {
					continue
				}
				no := podRefused(t, env, name, level, template)
				if workload := o.GetKind() + " " + o.GetName(); no != warned[workload] {
					t.Errorf("%s, %s: the API server refuses the pods of %s: %t", chart, level, workload, no)
				}
				if no {
					refused++
				} else {
					taken++
				}
			}
		}
	}
	t.Logf("%d workloads refused, %d taken", refused, taken)
	if refused == 0 || taken == 0 {
		t.Error("this shows nothing")
	}
}

// podRefused reports whether the API server refuses a pod of the template in a namespace
// that enforces the level.
func podRefused(t *testing.T, env *environment, name, level string, template map[string]any) bool {
	t.Helper()
	client := clientOf(t, env.host).CoreV1()
	labelled := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"pod-security.kubernetes.io/enforce": level}}}
	if _, err := client.Namespaces().Create(t.Context(), labelled, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	var pod corev1.Pod
	must(t, runtime.DefaultUnstructuredConverter.FromUnstructured(template, &pod))
	pod.Name = "tried"
	for _, c := range slices.Concat(pod.Spec.Containers, pod.Spec.InitContainers) {
		for _, m := range c.VolumeMounts { // the StatefulSet's controller adds those of its claims
			if !slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == m.Name }) {
				pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: m.Name, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}})
			}
		}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: cmp.Or(pod.Spec.ServiceAccountName, "default")}}
	if _, err := client.ServiceAccounts(name).Create(t.Context(), account, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	_, err := client.Pods(name).Create(t.Context(), &pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	if err != nil && !strings.Contains(err.Error(), "violates PodSecurity") {
		t.Fatal(err)
	}
	return err != nil
}
