package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/build"
	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/drift"
	"kasou/pipelines/finding"
	"kasou/pipelines/host"
	"kasou/pipelines/live"
	"kasou/pipelines/report"
)

// twoHosts is a fleet on the oldest and on the newest Kubernetes, each with a Sealed
// Secrets controller of its own. Argo CD runs on the newest.
type twoHosts struct {
	repo     fleettest.Repo
	options  pipelines.Options
	old, new *environment
}

// contexts writes a kubeconfig with a context for each host; where is what to make of the
// address of the old one.
func (w *twoHosts) contexts(t *testing.T, where func(string) string) func(string) (*host.Host, error) {
	t.Helper()
	all := clientcmdapi.NewConfig()
	for name, env := range map[string]*environment{"old": w.old, "new": w.new} {
		file, err := env.host.AdminKubeconfig()
		must(t, err)
		one, err := clientcmd.LoadFromFile(file)
		must(t, err)
		c := one.Contexts[one.CurrentContext]
		all.Clusters[name], all.AuthInfos[name] = one.Clusters[c.Cluster], one.AuthInfos[c.AuthInfo]
		all.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name}
	}
	all.Clusters["old"].Server = where(all.Clusters["old"].Server)
	data, err := clientcmd.Write(*all)
	must(t, err)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, data, 0o600))
	return func(context string) (*host.Host, error) {
		return host.Open(host.Options{Kubeconfig: file, Context: context, Retries: 1, Timeout: 5 * time.Second})
	}
}

// fleetOnTwoHosts builds a cluster of the same chart on each host.
func fleetOnTwoHosts(t *testing.T) *twoHosts {
	t.Helper()
	w := &twoHosts{old: hostOf(t, versions[0]), new: hostOf(t, newest)}
	w.repo, w.options = newFleet(t, w.new)
	text := "apiVersion: kasou/v1\nkind: Fleet\nspec:\n  repository: {url: \"https://git.example.com/platform.git\"}\n  hosts:\n"
	for _, h := range []struct {
		name, destination string
		env               *environment
	}{{"old", ", destination: {name: old}", w.old}, {"new", "", w.new}} {
		certificate, err := h.env.sealing(t).Certificate(t.Context())
		must(t, err)
		w.repo.Write(t, "clusters/"+h.name+".crt", certificate)
		full, err := build.APIServer(h.env.version.minor).Version()
		must(t, err)
		text += "    " + h.name + ": {kubernetesVersion: " + full + ", serviceCIDR: auto" + h.destination + ", sealing: {certificate: " + h.name + ".crt}}\n"
	}
	w.repo.Write(t, "clusters/fleet.yaml", []byte(text))
	w.repo.Copy(t, "charts/c.tgz", upstream.Chart(t, "vcluster-0.30.0"))
	for name, at := range map[string]string{"on-old": "old", "on-new": "new"} {
		dns := map[string]string{"old": virtualName, "new": "live.k8s.example.com"}[at]
		w.repo.Cluster(t, name, "  chart: {path: charts/c.tgz}\n  host: "+at+"\n  ingress: {enabled: true, host: "+dns+", className: nginx}\n")
	}
	w.options.OpenHost = w.contexts(t, func(server string) string { return server })
	r, err := pipelines.Build(t.Context(), w.options)
	fleettest.MustPass(t, r, err)
	return w
}

// sync applies what the clusters' Applications deploy, each to its host, and what the app
// of apps deploys, to Argo CD's cluster.
func (w *twoHosts) sync(t *testing.T) {
	t.Helper()
	for name, env := range map[string]*environment{"on-old": w.old, "on-new": w.new} {
		objects := generatedOf(t, w.repo, name)
		apply.Order(objects)
		for _, o := range objects {
			at := env
			if o.GetNamespace() == "argocd" {
				at = w.new
			} else {
				track(name, o)
			}
			_, err := applierOf(t, at.host).Object(t.Context(), o, name, false)
			must(t, err)
			serve(t, at, []*unstructured.Unstructured{o})
			if o.GetKind() == "SealedSecret" {
				secretOf(t, at, o.GetNamespace(), o.GetName())
			}
		}
	}
}

func (w *twoHosts) drift(t *testing.T) *report.Report {
	t.Helper()
	r, err := pipelines.Drift(t.Context(), w.options, pipelines.DriftOptions{Live: true})
	must(t, err)
	return r
}

// Two hosts of different Kubernetes, each with its own controller, and one Argo CD.
func TestAFleetOnTwoHosts(t *testing.T) {
	there := virtualCluster(t)
	w := fleetOnTwoHosts(t)
	installArgoCD(t, w.new)
	world.route(virtualName, there.URL)
	world.route("live.k8s.example.com", there.URL)
	writeKubeconfig(t, w.old.host, "on-old", "on-old", syncerKubeconfig(t, there, "on-old"))
	writeKubeconfig(t, w.new.host, "on-new", "on-new", syncerKubeconfig(t, there, "on-new"))
	r, err := pipelines.Register(t.Context(), w.options, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	if r.Count(report.Changed) != 2 {
		t.Fatalf("%d clusters were registered", r.Count(report.Changed))
	}
	w.sync(t)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		r := w.drift(t)
		if !r.Failed() && len(r.Unfinished) == 0 {
			break
		}
		if time.Now().After(deadline) {
			fleettest.Print(t, r)
			t.Fatal("there is drift right after a sync")
		}
	}
	for _, name := range []string{"cluster-on-old", "cluster-on-new"} {
		if user, err := whoami(t, argoRestConfig(t, secretOf(t, w.new, "argocd", name), there)); err != nil || user != strings.TrimPrefix(name, "cluster-") {
			t.Errorf("%s makes Argo CD %q: %v", name, user, err)
		}
	}
	t.Run("changed on one host", func(t *testing.T) { w.changed(t) })
	t.Run("one host is down", func(t *testing.T) { w.down(t) })
	t.Run("sealed for the other host", func(t *testing.T) { w.foreign(t) })
	t.Run("moved", func(t *testing.T) { w.moved(t) })
}

func (w *twoHosts) changed(t *testing.T) {
	services := clientOf(t, w.old.host).CoreV1().Services("on-old")
	must(t, services.Delete(t.Context(), "on-old", metav1.DeleteOptions{}))
	if row := want(t, w.drift(t), drift.RuleLiveMissing); row.Cluster != "on-old" {
		t.Errorf("%+v", row)
	}
	w.sync(t)
}

// A host that is down makes its clusters unknown; what Argo CD has of them, and the other
// host, is compared all the same.
func (w *twoHosts) down(t *testing.T) {
	up := w.options.OpenHost
	defer func() { w.options.OpenHost = up }()
	w.options.OpenHost = w.contexts(t, func(string) string { return "https://127.0.0.1:1" })
	r := w.drift(t)
	for _, c := range r.Clusters {
		if expected := map[string]report.Status{"on-old": report.Unknown, "on-new": report.Unchanged}[c.Name]; c.Status != expected {
			t.Errorf("%s is %s", c.Name, c.Status)
		}
	}
	for _, row := range r.Drift {
		if row.Cluster == "on-new" || row.Drifted() || row.Unknown && row.Cluster == "on-old" && !strings.Contains(row.Message, "host old: ") {
			t.Errorf("%+v", row)
		}
	}
	secrets := clientOf(t, w.new.host).CoreV1().Secrets("argocd")
	secret, err := secrets.Get(t.Context(), "cluster-on-old", metav1.GetOptions{})
	must(t, err)
	kept := secret.Data["server"]
	secret.Data["server"] = []byte("https://elsewhere.example.com")
	_, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
	must(t, err)
	want(t, w.drift(t), drift.RuleLiveSecret)
	secret, err = secrets.Get(t.Context(), "cluster-on-old", metav1.GetOptions{})
	must(t, err)
	secret.Data["server"] = kept
	_, err = secrets.Update(t.Context(), secret, metav1.UpdateOptions{})
	must(t, err)
}

// What is sealed for one host no other can open.
func (w *twoHosts) foreign(t *testing.T) {
	var sealed *unstructured.Unstructured
	for _, o := range generatedOf(t, w.repo, "on-old") {
		if o.GetKind() == "SealedSecret" && o.GetNamespace() == "on-old" {
			sealed = o
		}
	}
	if sealed == nil {
		t.Fatal("the chart renders no Secret")
	}
	namespace(t, w.new.host, "on-old")
	a := applierOf(t, w.new.host)
	_, err := a.Object(t.Context(), sealed, "on-old", false)
	must(t, err)
	client, err := a.Resource(sealed.GroupVersionKind(), "on-old")
	must(t, err)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		have, err := client.Get(t.Context(), sealed.GetName(), metav1.GetOptions{})
		must(t, err)
		if why := live.NotUnsealed(have); strings.Contains(why, "no key could decrypt") {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the controller of the other host does not refuse it")
		}
	}
	must(t, client.Delete(t.Context(), sealed.GetName(), metav1.DeleteOptions{}))
}

// A cluster that moves is sealed for its new host, and what it leaves behind is found.
func (w *twoHosts) moved(t *testing.T) {
	w.repo.Commit(t)
	spec := string(w.repo.Read(t, "clusters/on-new/spec.yaml"))
	write := func(more string) {
		w.repo.Write(t, "clusters/on-new/spec.yaml", []byte(strings.Replace(spec, "host: new", "host: old"+more, 1)))
	}
	write("")
	if r, err := pipelines.Check(t.Context(), w.options); err != nil || !r.Failed() || !has(r, finding.Rule("plan-refused")) {
		t.Errorf("%v: a move that nobody accepted", err)
	}
	write("\n  accept: [{change: host, from: \"https://kubernetes.default.svc\", to: old}]")
	before := w.repo.Read(t, "clusters/on-new/lock.yaml")
	r, err := pipelines.Build(t.Context(), w.options)
	fleettest.MustPass(t, r, err)
	if bytes.Equal(before, w.repo.Read(t, "clusters/on-new/lock.yaml")) {
		t.Fatal("nothing was built")
	}
	for _, o := range generatedOf(t, w.repo, "on-new") {
		if o.GetNamespace() == "argocd" {
			continue
		}
		track("on-new", o)
		if o.GetKind() == "Namespace" {
			namespace(t, w.old.host, "on-new")
		}
		_, err := applierOf(t, w.old.host).Object(t.Context(), o, "on-new", false)
		must(t, err)
		if o.GetKind() == "SealedSecret" {
			secretOf(t, w.old, "on-new", o.GetName())
		}
	}
	left := 0
	for _, row := range w.drift(t).Drift {
		if row.Rule == drift.RuleLiveLeftover && row.Cluster == "on-new" {
			left++
		}
	}
	if left < 5 {
		t.Errorf("%d objects on the host before were found", left)
	}
}
