package e2e

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/internal/fleettest"
	"kasou/pipelines"
)

// A ring opens when the ring before it is healthy on the host, and says why it does not:
// an object that is not as in git, a credential that does not reach the cluster.
func TestARingWaitsForTheHealthOfTheOneBefore(t *testing.T) {
	env := hostOf(t, newest)
	url := fleettest.Releases(t, "0.25.0=0.24.1")
	chart := "  chart: {repository: \"" + url + "\", name: vcluster, version: "
	// A name of its own: other tests have another chart in the namespace live. Its host is
	// one that the virtual API server has a certificate for.
	_ = env.sealing(t)
	installArgoCD(t, env)
	w := watched{env: env, there: virtualCluster(t)}
	world.route("dev.k8s.example.com", w.there.URL)
	w.repo, w.options = newFleet(t, env)
	w.repo.Cluster(t, "ringed", "  ingress: {enabled: true, host: dev.k8s.example.com, className: nginx}\n"+chart+"0.25.0}\n")
	w.repo.Cluster(t, "later", chart+"0.24.1}\n  server: https://later.k8s.example.com\n")
	fleet := string(w.repo.Read(t, "clusters/fleet.yaml"))
	w.repo.Write(t, "clusters/fleet.yaml", []byte(fleet+"  rings: [{name: canary, clusters: [ringed]}, {name: rest, clusters: [\"*\"]}]\n"))
	w.build(t)
	w.sync(t, "ringed", track)
	writeKubeconfig(t, env.host, "ringed", "ringed", syncerKubeconfig(t, w.there, "ringed"))
	o := w.options
	o.Names = []string{"ringed"}
	r, err := pipelines.Register(t.Context(), o, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	w.sync(t, "ringed", track)
	w.unsealed(t)
	w.repo.Commit(t)

	why := func() string {
		t.Helper()
		o := w.options
		o.DryRun = true
		r, err := pipelines.Upgrade(t.Context(), o, pipelines.UpgradeOptions{Live: true})
		must(t, err)
		for _, u := range r.Upgrades {
			if u.Cluster == "later" {
				return u.To + u.Why
			}
		}
		fleettest.Print(t, r)
		t.Fatal("nothing is said of the cluster later")
		return ""
	}
	if got := why(); got != "0.25.0" {
		t.Fatalf("with a healthy ring before it: %s", got)
	}
	services := clientOf(t, env.host).CoreV1().Services("ringed")
	service, err := services.Get(t.Context(), "ringed", metav1.GetOptions{})
	must(t, err)
	must(t, services.Delete(t.Context(), service.Name, metav1.DeleteOptions{}))
	if got := why(); !strings.HasPrefix(got, "closed: ring canary: ringed is not healthy: Service ringed/ringed is in git, and not on the host") {
		t.Errorf("with an object missing: %s", got)
	}
	w.sync(t, "ringed", track)
	if got := why(); got != "0.25.0" {
		t.Errorf("mended: %s", got)
	}
	t.Cleanup(func() { world.route("dev.k8s.example.com", w.there.URL) })
	world.route("dev.k8s.example.com", "http://127.0.0.1:1")
	if got := why(); !strings.HasPrefix(got, "closed: ring canary: ringed may not be healthy: looking at its certificate: https://dev.k8s.example.com cannot be asked: ") {
		t.Errorf("with a cluster that does not answer: %s", got)
	}
	w.options.OpenHost = nil
	if got := why(); !strings.Contains(got, "may not be healthy") && !strings.Contains(got, "there is no host cluster to ask") {
		t.Errorf("without a host: %s", got)
	}
}
