package loop

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"kasou/e2e/internal/argocd"
)

// The cluster dev has a real vcluster behind it, which Argo CD reaches by this
// name.
const server = "https://dev.k8s.example.com:8443"

var applications = schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}

// TestFleet tells the story of a fleet, from the empty repository to clusters that
// leave. Each part needs the one before.
func TestFleet(t *testing.T) {
	if missing != nil {
		t.Skip("SKIPPED:", missing)
	}
	w := newWorld(t)
	for _, part := range []struct {
		name string
		tell func(*testing.T)
	}{
		{"AllIsSynced", w.allIsSynced},
		{"VClusterRuns", w.vclusterRuns},
		{"Registered", w.registered},
		{"DeploysIntoTheVirtualCluster", w.deploysInside},
		{"SelfHeal", w.selfHeal},
		{"LabelsFollowTheSpec", w.labelsFollow},
		{"ChangedValuesRestart", w.changedValues},
		{"Upgrade", w.upgrade},
		{"SealingKeyRotates", w.sealingKeyRotates},
		{"CredentialRotates", w.credentialRotates},
		{"ClustersLeave", w.clustersLeave},
		{"NothingIsStuck", w.nothingIsStuck},
		{"SecondHost", w.secondHost},
	} {
		if !t.Run(part.name, part.tell) {
			t.Fatalf("%s failed, and the rest needs it", part.name)
		}
	}
}

// A fresh repository, as its owner makes it: first the key by which signatures
// count, then the clusters, built, committed, and the bootstrap applied by hand.
func (w *world) allIsSynced(t *testing.T) {
	out := w.kasou(t, "lock", "--seal-key")
	w.sealKey = found(t, out, `KASOU_SEAL_KEY=(\S+)`)
	w.write(t, "clusters/fleet.yaml", fmt.Sprintf(`apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: %q, revision: main}
  argocd: {projects: [{name: virtual, generated: true}]}
  host: {kubernetesVersion: %s, serviceCIDR: auto}
  sealing: {certificate: sealed-secrets.crt, publicKey: %q}
`, gitURL, strings.TrimPrefix(tools.Kubernetes, "v"), found(t, out, `publicKey: (\S+)`)))
	w.kasou(t, "lock", "--certificate")
	w.kasou(t, "build")
	w.push(t, "An empty fleet")
	for _, chart := range []string{"vcluster-0.4.3.tgz", "vcluster-0.36.1.tgz"} {
		data, err := os.ReadFile(filepath.Join(tools.Charts, chart))
		check(t, err)
		w.write(t, "charts/"+chart, string(data))
	}
	check(t, os.CopyFS(filepath.Join(w.copy, "charts", "vcluster"), os.DirFS(filepath.Join("..", "..", "charts", "vcluster"))))
	w.chartBefore(t)
	w.spec(t, "dev", "  chart: {path: charts/before}\n  server: "+server+"\n  argocd: {cluster: {labels: {stage: dev}}}\n")
	w.spec(t, "old", "  chart: {path: charts/vcluster-0.4.3.tgz}\n  server: https://old.k8s.example.com\n")
	w.spec(t, "own", "  server: https://own.k8s.example.com\n")
	w.spec(t, "runs-on", "  chart: {path: charts/vcluster-0.36.1.tgz}\n  server: https://runs-on.k8s.example.com\n")
	w.spec(t, "goes", "  chart: {path: charts/vcluster-0.36.1.tgz}\n  server: https://goes.k8s.example.com\n  argocd: {deletion: cascade}\n")
	w.kasou(t, "build")
	commit := w.push(t, "Five clusters")
	files, err := filepath.Glob(filepath.Join(w.copy, "clusters", "bootstrap", "*.yaml"))
	check(t, err)
	for _, file := range files {
		data, err := os.ReadFile(file)
		check(t, err)
		check(t, w.applier.YAML(t.Context(), data, argocd.Namespace))
	}
	w.synced(t, commit, "kasou", "kasou-bootstrap", "dev", "old", "own", "runs-on", "goes")
	w.staysSynced(t)
}

// The vcluster boots with what the controller unsealed.
func (w *world) vclusterRuns(t *testing.T) {
	w.runVCluster(t, "dev", "dev")
	eventually(t, "the vcluster is ready", func(context.Context) error {
		if w.kubelet.UID() == "" {
			return errors.New("not ready: " + lastLine(w.kubelet.Logs()))
		}
		return nil
	})
	eventually(t, "Argo CD says that it is healthy", func(ctx context.Context) error {
		return w.application(ctx, "dev", func(a *unstructured.Unstructured) error {
			return want("health", status(a, "health", "status"), "Healthy")
		})
	})
	w.staysSynced(t)
}

// kasou register → commit → Argo CD knows the cluster. It does not dial one into
// which nothing is deployed.
func (w *world) registered(t *testing.T) {
	eventually(t, "kasou register takes the kubeconfig", func(context.Context) error {
		out, err := w.try(t, "register", "dev")
		if err == nil {
			_, err = os.Stat(filepath.Join(w.copy, "clusters", "root", "dev.cluster.yaml"))
		}
		if err != nil {
			err = fmt.Errorf("%w: %s", err, out)
		}
		return err
	})
	w.synced(t, w.push(t, "Register dev"), "kasou")
	w.staysSynced(t)
	secret, err := w.client.CoreV1().Secrets(argocd.Namespace).Get(t.Context(), "cluster-dev", metav1.GetOptions{})
	check(t, err)
	check(t, want("server", string(secret.Data["server"]), server))
}

// connected waits until Argo CD's connection is Successful.
func (w *world) connected(t *testing.T) {
	t.Helper()
	eventually(t, "Argo CD's connection is Successful", func(ctx context.Context) error {
		return w.argocd.Connected(ctx, server)
	})
}

// An ApplicationSet selects the cluster by the labels of the spec, and deploys a
// ConfigMap into it.
func (w *world) deploysInside(t *testing.T) {
	w.write(t, "apps/hello/configmap.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: hello}\ndata: {from: git}\n")
	w.push(t, "An application for the virtual clusters")
	check(t, w.applier.YAML(t.Context(), []byte(`apiVersion: argoproj.io/v1alpha1
kind: AppProject
metadata: {name: tenants, namespace: argocd}
spec:
  sourceRepos: ["`+gitURL+`"]
  destinations: [{server: "https://*", namespace: default}]
---
apiVersion: argoproj.io/v1alpha1
kind: ApplicationSet
metadata: {name: hello, namespace: argocd}
spec:
  goTemplate: true
  generators:
    - clusters: {selector: {matchLabels: {stage: dev}}}
  template:
    metadata: {name: "hello-{{.name}}"}
    spec:
      project: tenants
      source: {repoURL: "`+gitURL+`", targetRevision: main, path: apps/hello}
      destination: {server: "{{.server}}", namespace: default}
      syncPolicy: {automated: {selfHeal: true, prune: true}}
`), argocd.Namespace))
	eventually(t, "the ConfigMap is in the virtual cluster", w.hello(t))
	w.connected(t)
	if _, err := w.client.CoreV1().ConfigMaps("default").Get(t.Context(), "hello", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the ConfigMap is on the host: %v", err)
	}
}

// hello asks the virtual API server for the ConfigMap that Argo CD brings.
func (w *world) hello(t *testing.T) func(context.Context) error {
	t.Helper()
	return func(ctx context.Context) error {
		virtual, err := w.virtual(ctx)
		if err != nil {
			return err
		}
		found, err := virtual.CoreV1().ConfigMaps("default").Get(ctx, "hello", metav1.GetOptions{})
		if err == nil {
			err = want("data.from", found.Data["from"], "git")
		}
		return err
	}
}

// virtual is a client of the virtual cluster, with what is in its Secret now.
func (w *world) virtual(ctx context.Context) (kubernetes.Interface, error) {
	secret, err := w.client.CoreV1().Secrets("dev").Get(ctx, "vc-dev", metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	config, err := clientcmd.RESTConfigFromKubeConfig(secret.Data["config"])
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// selfHeal takes back what is changed and deleted by hand.
func (w *world) selfHeal(t *testing.T) {
	services := w.client.CoreV1().Services("old")
	patch := []byte(`{"spec":{"selector":{"app":"somebody-else"}}}`)
	before, err := services.Get(t.Context(), "old", metav1.GetOptions{})
	check(t, err)
	_, err = services.Patch(t.Context(), "old", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "kubectl-edit"})
	check(t, err)
	check(t, w.client.RbacV1().Roles("old").Delete(t.Context(), "old", metav1.DeleteOptions{}))
	eventually(t, "what was changed by hand is as in git", func(ctx context.Context) error {
		now, err := services.Get(ctx, "old", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if _, err := w.client.RbacV1().Roles("old").Get(ctx, "old", metav1.GetOptions{}); err != nil {
			return err
		}
		return want("selector", fmt.Sprint(now.Spec.Selector), fmt.Sprint(before.Spec.Selector))
	})
}

// A label of the spec reaches Argo CD's cluster Secret by a build alone.
func (w *world) labelsFollow(t *testing.T) {
	w.replace(t, "clusters/dev/spec.yaml", "labels: {stage: dev}", "labels: {stage: dev, team: blue}")
	w.kasou(t, "build")
	w.synced(t, w.push(t, "A label for dev"), "kasou")
	eventually(t, "the cluster Secret has the label", func(ctx context.Context) error {
		secret, err := w.client.CoreV1().Secrets(argocd.Namespace).Get(ctx, "cluster-dev", metav1.GetOptions{})
		if err == nil {
			err = want("label team", secret.Labels["team"], "blue")
		}
		return err
	})
	w.connected(t)
}

// Changed values restart the vcluster with the new configuration, and its data
// stays.
func (w *world) changedValues(t *testing.T) {
	before := w.kubelet.UID()
	w.replace(t, "clusters/dev/spec.yaml", "spec:\n", "spec:\n  values: {logging: {encoding: json}}\n")
	w.kasou(t, "build")
	w.synced(t, w.push(t, "dev logs JSON"), "kasou", "dev")
	w.restarted(t, before)
	secret, err := w.client.CoreV1().Secrets("dev").Get(t.Context(), "vc-config-dev", metav1.GetOptions{})
	check(t, err)
	if !bytes.Contains(secret.Data["config.yaml"], []byte("encoding: json")) {
		t.Error("the pod began with the old configuration")
	}
	eventually(t, "the data is there", w.hello(t))
	w.connected(t)
}

// chartBefore writes the chart of the release before as its release has it: in the
// module it has no version.
func (w *world) chartBefore(t *testing.T) {
	t.Helper()
	const file = "charts/before/Chart.yaml"
	check(t, os.CopyFS(filepath.Join(w.copy, "charts", "before"), os.DirFS(tools.ChartBefore)))
	check(t, os.Chmod(filepath.Join(w.copy, "charts", "before"), 0o755))
	check(t, os.Chmod(filepath.Join(w.copy, filepath.FromSlash(file)), 0o644))
	w.replace(t, file, "version: 0.0.1", "version: "+tools.Before)
}

// The upgrade from the release before: another chart, another program, the same
// data and the same credential.
func (w *world) upgrade(t *testing.T) {
	before := w.kubelet.UID()
	w.replace(t, "clusters/dev/spec.yaml", "charts/before", "charts/vcluster-0.36.1.tgz")
	w.kasou(t, "build")
	w.synced(t, w.push(t, "dev moves to 0.36.1"), "kasou", "dev")
	w.restarted(t, before)
	if !strings.Contains(w.kubelet.Image(), ":0.36.1") {
		t.Errorf("the image is %s", w.kubelet.Image())
	}
	eventually(t, "the data is there", w.hello(t))
	if out := w.kasou(t, "register", "dev"); !strings.Contains(out, "unchanged") {
		t.Errorf("register finds another credential: %s", out)
	}
	w.connected(t)
	w.staysSynced(t)
}

// restarted waits for another pod that is ready.
func (w *world) restarted(t *testing.T, before types.UID) {
	t.Helper()
	eventually(t, "another pod is ready", func(context.Context) error {
		if now := w.kubelet.UID(); now == "" || now == before {
			return errors.New("not yet: " + lastLine(w.kubelet.Logs()))
		}
		return nil
	})
}

// The controller makes a new key: what is sealed from now on is sealed with it,
// and what is there stays good.
func (w *world) sealingKeyRotates(t *testing.T) {
	_, err := w.controller.RenewKey(t.Context())
	check(t, err)
	w.kasou(t, "lock", "--certificate")
	w.replace(t, "clusters/fleet.yaml", "sealing: {", "sealing: {maxAge: 1s, ")
	w.kasou(t, "build")
	w.kasou(t, "register", "dev", "--reseal")
	w.synced(t, w.push(t, "Seal with the new key"), "kasou", "kasou-bootstrap", "dev", "old", "own", "runs-on", "goes")
	w.staysSynced(t)
	w.connected(t)
}

// The vcluster's certificates are made anew; register follows, and Argo CD with
// it.
func (w *world) credentialRotates(t *testing.T) {
	before, err := w.client.CoreV1().Secrets("dev").Get(t.Context(), "vc-dev", metav1.GetOptions{})
	check(t, err)
	pod := w.kubelet.UID()
	check(t, w.kubelet.Exec("/vcluster", "certs", "rotate"))
	check(t, w.client.CoreV1().Pods("dev").Delete(t.Context(), "dev-0", metav1.DeleteOptions{}))
	w.restarted(t, pod)
	eventually(t, "the vcluster writes another credential", func(ctx context.Context) error {
		now, err := w.client.CoreV1().Secrets("dev").Get(ctx, "vc-dev", metav1.GetOptions{})
		if err == nil && bytes.Equal(now.Data["config"], before.Data["config"]) {
			err = errors.New("it is the old one")
		}
		return err
	})
	old, err := os.ReadFile(filepath.Join(w.copy, "clusters", "root", "dev.cluster.yaml"))
	check(t, err)
	w.kasou(t, "register", "dev")
	now, err := os.ReadFile(filepath.Join(w.copy, "clusters", "root", "dev.cluster.yaml"))
	check(t, err)
	if bytes.Equal(old, now) {
		t.Fatal("kasou register did not see the new credential")
	}
	secret, err := w.client.CoreV1().Secrets(argocd.Namespace).Get(t.Context(), "cluster-dev", metav1.GetOptions{})
	check(t, err)
	w.synced(t, w.push(t, "The new credential of dev"), "kasou")
	eventually(t, "the cluster Secret has the new credential", func(ctx context.Context) error {
		now, err := w.client.CoreV1().Secrets(argocd.Namespace).Get(ctx, "cluster-dev", metav1.GetOptions{})
		if err == nil && bytes.Equal(now.Data["config"], secret.Data["config"]) {
			err = errors.New("it is the old one")
		}
		return err
	})
	w.connected(t)
}

// Two clusters leave, by orphan and by cascade, while another one is changed in
// the same minute.
func (w *world) clustersLeave(t *testing.T) {
	for _, name := range []string{"runs-on", "goes"} {
		w.kasou(t, "retire", name)
	}
	w.kasou(t, "build")
	w.synced(t, w.push(t, "runs-on and goes retire"), "kasou")
	// What holds the deletion up for a while must not have it taken for done: by
	// then the fleet's AppProject is synced, too.
	services := w.client.CoreV1().Services("goes")
	held := []byte(`{"metadata":{"finalizers":["example.com/held"]}}`)
	_, err := services.Patch(t.Context(), "goes", types.MergePatchType, held, metav1.PatchOptions{})
	check(t, err)
	for _, name := range []string{"runs-on", "goes"} {
		check(t, os.Remove(filepath.Join(w.copy, "clusters", name, "spec.yaml")))
	}
	w.replace(t, "clusters/old/spec.yaml", "spec:\n", "spec:\n  podSecurity: {warn: baseline}\n")
	w.kasou(t, "build", "--allow-prune")
	w.synced(t, w.push(t, "runs-on and goes leave, old warns"), "kasou-bootstrap", "old")
	eventually(t, "the change of old is deployed", func(ctx context.Context) error {
		now, err := w.client.CoreV1().Namespaces().Get(ctx, "old", metav1.GetOptions{})
		if err == nil {
			err = want("label", now.Labels["pod-security.kubernetes.io/warn"], "baseline")
		}
		return err
	})
	gone := func(name string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := w.objects.Resource(applications).Namespace(argocd.Namespace).Get(ctx, name, metav1.GetOptions{})
			return isGone(err)
		}
	}
	eventually(t, "the Application runs-on is gone", gone("runs-on"))
	time.Sleep(10 * time.Second)
	if gone("goes")(t.Context()) == nil {
		t.Error("the Application goes is gone, and an object of it is still there")
	}
	_, err = services.Patch(t.Context(), "goes", types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
	check(t, err)
	eventually(t, "the Application goes is gone", gone("goes"))
	eventually(t, "what cascades is gone", func(ctx context.Context) error {
		_, err := w.client.CoreV1().Namespaces().Get(ctx, "goes", metav1.GetOptions{})
		return isGone(err)
	})
	if _, err := w.client.AppsV1().StatefulSets("runs-on").Get(t.Context(), "runs-on", metav1.GetOptions{}); err != nil {
		t.Errorf("the orphan does not run on: %v", err)
	}
}

// At the end every Application that is left is Synced, and none is operating.
func (w *world) nothingIsStuck(t *testing.T) {
	w.synced(t, strings.TrimSpace(w.git(t, w.copy, "rev-parse", "HEAD")), "kasou", "kasou-bootstrap", "dev", "old", "own", "hello-dev")
	w.staysSynced(t)
	w.agrees(t, 1, "old", "own")
}

// agrees fails unless kasou agrees with Argo CD, from git and from the hosts. The names of the
// clusters nowhere lead nowhere here, which is unknown, and no drift; the others are unchanged.
func (w *world) agrees(t *testing.T, unchanged int, nowhere ...string) {
	t.Helper()
	out, err := w.try(t, "drift", "--live")
	of := fmt.Sprintf("(%d clusters: %s)\n", len(nowhere), strings.Join(nowhere, ", "))
	for part, want := range map[string]int{
		"error:":             0,
		"could not finish: ": 2,
		"could not finish: looking at its certificate: https://NAME.k8s.example.com cannot be asked: ": 1,
		"could not finish: where NAME.k8s.example.com leads: ":                                         1,
		of: 2,
		fmt.Sprintf("%d clusters: %d unknown, %d unchanged\n", unchanged+len(nowhere), len(nowhere), unchanged): 1,
	} {
		if got := strings.Count(out, part); got != want {
			t.Errorf("kasou drift --live: %v\n%s\n%q stands in it %d times, want %d", err, out, part, got, want)
		}
	}
}

// spec writes a cluster's spec.
func (w *world) spec(t *testing.T, name, text string) {
	t.Helper()
	w.write(t, "clusters/"+name+"/spec.yaml", "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: "+name+"}\nspec:\n"+text)
}

// synced waits until each Application is Synced at the commit, and no operation
// runs.
func (w *world) synced(t *testing.T, commit string, names ...string) {
	t.Helper()
	for _, name := range names {
		eventually(t, name+" is Synced", func(ctx context.Context) error {
			return w.application(ctx, name, func(a *unstructured.Unstructured) error {
				phase := status(a, "operationState", "phase")
				if phase != "Succeeded" && phase != "" || status(a, "sync", "status") != "Synced" {
					return fmt.Errorf("%s, %s: %s %v %s", status(a, "sync", "status"), phase, status(a, "operationState", "message"), outOfSync(a), conditions(a))
				}
				return want("revision", status(a, "sync", "revision"), commit)
			})
		})
	}
}

// staysSynced waits until every Application is Synced and none has synced for five
// seconds, and then wants that to last for three times the time after which Argo CD
// looks again. What is seen before is told: while a child operates, Argo CD compares
// the API server's answer of now with an older object of its cache, and shows its
// parent OutOfSync for a moment.
func (w *world) staysSynced(t *testing.T) {
	t.Helper()
	const looks = 5 * time.Second
	var quiet time.Time
	began, seen := time.Now(), map[string]string{}
	for ; quiet.IsZero() || time.Since(quiet) < 4*looks; time.Sleep(250 * time.Millisecond) {
		list, err := w.objects.Resource(applications).Namespace(argocd.Namespace).List(t.Context(), metav1.ListOptions{})
		check(t, err)
		now := map[string]string{}
		for _, a := range list.Items {
			now[a.GetName()] = fmt.Sprint(status(&a, "sync", "status"), outOfSync(&a), ", last operation ", status(&a, "operationState", "startedAt"), " ", status(&a, "operationState", "phase"))
		}
		changed := ""
		for name, state := range now {
			if seen[name] != state || !strings.HasPrefix(state, "Synced[]") {
				changed += "\n" + name + ": " + state
			}
		}
		seen = now
		switch {
		case changed == "" && quiet.IsZero():
			quiet = time.Now()
		case changed != "" && !quiet.IsZero() && time.Since(quiet) > looks:
			t.Fatalf("they were quiet, and are no longer:%s", changed)
		case changed != "" && time.Since(began) > 2*time.Minute:
			t.Fatalf("they do not come to rest:%s", changed)
		case changed != "":
			if time.Since(began) > time.Second {
				t.Logf("after %s:%s", time.Since(began).Round(100*time.Millisecond), changed)
			}
			quiet = time.Time{}
		}
	}
}

// application asks about one Application.
func (w *world) application(ctx context.Context, name string, ask func(*unstructured.Unstructured) error) error {
	a, err := w.objects.Resource(applications).Namespace(argocd.Namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return ask(a)
}

// status is a text of an Application's status; "" where it has none.
func status(a *unstructured.Unstructured, path ...string) string {
	text, _, _ := unstructured.NestedString(a.Object, append([]string{"status"}, path...)...)
	return text
}

// conditions are the messages of an Application's conditions.
func conditions(a *unstructured.Unstructured) string {
	list, _, _ := unstructured.NestedSlice(a.Object, "status", "conditions")
	return fmt.Sprint(list)
}

// outOfSync names the objects of an Application that are not as in git.
func outOfSync(a *unstructured.Unstructured) []string {
	var names []string
	list, _, _ := unstructured.NestedSlice(a.Object, "status", "resources")
	for _, entry := range list {
		if o, ok := entry.(map[string]any); ok && o["status"] != "Synced" {
			names = append(names, fmt.Sprint(o["kind"], " ", o["namespace"], "/", o["name"], " ", o["status"]))
		}
	}
	slices.Sort(names)
	return names
}

func want(what, got, want string) error {
	if got != want {
		return fmt.Errorf("%s is %q, want %q", what, got, want)
	}
	return nil
}

// isGone turns the answer to a question for an object into nil where it is not
// there.
func isGone(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err == nil {
		err = errors.New("it is still there")
	}
	return err
}

func found(t *testing.T, text, pattern string) string {
	t.Helper()
	match := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if match == nil {
		t.Fatalf("no %s in:\n%s", pattern, text)
	}
	return match[1]
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
