package e2e

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"kasou/e2e/internal/apply"
	"kasou/e2e/internal/cluster"
	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/drift"
	"kasou/pipelines/finding"
	"kasou/pipelines/host"
	"kasou/pipelines/report"
	"kasou/pipelines/workspace"
)

// watched is a fleet that Argo CD has synced to a host: the cluster named live
// runs and is registered.
type watched struct {
	env     *environment
	repo    fleettest.Repo
	options pipelines.Options
	there   *cluster.Cluster
}

const liveServer = "https://live.k8s.example.com"

// watchedFleet builds, syncs and registers.
func watchedFleet(t *testing.T, env *environment, spec string) watched {
	t.Helper()
	_ = env.sealing(t)
	installArgoCD(t, env)
	w := watched{env: env, there: virtualCluster(t)}
	world.route("live.k8s.example.com", w.there.URL)
	w.repo, w.options = newFleet(t, env)
	w.repo.Cluster(t, "live", "  ingress: {enabled: true, host: live.k8s.example.com, className: nginx}\n"+spec)
	w.build(t)
	w.sync(t, "live", track)
	writeKubeconfig(t, env.host, "live", "live", syncerKubeconfig(t, w.there, "live"))
	w.register(t)
	return w
}

func (w watched) build(t *testing.T) {
	t.Helper()
	r, err := pipelines.Build(t.Context(), w.options)
	fleettest.MustPass(t, r, err)
}

func (w watched) register(t *testing.T) {
	t.Helper()
	o := w.options
	o.Names = []string{"live"}
	r, err := pipelines.Register(t.Context(), o, pipelines.Registration{})
	fleettest.MustPass(t, r, err)
	w.sync(t, "live", track)
	w.unsealed(t)
}

// unsealed waits until the cluster Secret has what is registered.
func (w watched) unsealed(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		r := w.drift(t)
		if !has(r, drift.RuleLiveSecret) {
			return
		}
		if time.Now().After(deadline) {
			fleettest.Print(t, r)
			t.Fatal("the controller did not unseal the registration")
		}
	}
}

// A tracker marks an object as Argo CD does.
type tracker func(app string, o *unstructured.Unstructured)

// track is how Argo CD 3 marks, trackByLabel how 2 did.
func track(app string, o *unstructured.Unstructured) {
	kind := o.GroupVersionKind()
	set(o.GetAnnotations, o.SetAnnotations, "argocd.argoproj.io/tracking-id",
		fmt.Sprintf("%s:%s/%s:%s/%s", app, kind.Group, kind.Kind, o.GetNamespace(), o.GetName()))
}

func trackByLabel(app string, o *unstructured.Unstructured) {
	set(o.GetLabels, o.SetLabels, "app.kubernetes.io/instance", app)
}

func set(get func() map[string]string, put func(map[string]string), key, value string) {
	m := get()
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	put(m)
}

// sync applies a cluster's files as Argo CD would, and waits for the Secrets
// that the controller makes of them.
func (w watched) sync(t *testing.T, name string, mark tracker) {
	t.Helper()
	objects := w.markedOf(t, name, mark)
	apply.Order(objects)
	a := applierOf(t, w.env.host)
	for _, o := range objects {
		_, err := a.Object(t.Context(), o, name, false)
		must(t, err)
	}
	serve(t, w.env, objects)
	for _, o := range objects {
		if o.GetKind() == "SealedSecret" {
			secretOf(t, w.env, o.GetNamespace(), o.GetName())
		}
	}
}

func (w watched) drift(t *testing.T) *report.Report {
	t.Helper()
	r, err := pipelines.Drift(t.Context(), w.options, pipelines.DriftOptions{Live: true})
	must(t, err)
	return r
}

func (w watched) clean(t *testing.T) {
	t.Helper()
	if r := w.drift(t); r.Failed() || len(r.Unfinished) > 0 || r.Count(report.Unchanged) != len(r.Clusters) {
		fleettest.Print(t, r)
		t.Error("want no drift, and nothing unknown")
	}
}

// want returns the row of a rule. There must be no drift of another rule.
func want(t *testing.T, r *report.Report, rule finding.Rule, also ...finding.Rule) report.Row {
	t.Helper()
	var found *report.Row
	for _, row := range r.Drift {
		expected := row.Rule == rule
		for _, other := range also {
			expected = expected || row.Rule == other
		}
		if !expected && row.Drifted() {
			t.Errorf("besides %s there is %+v", rule, row)
		}
		if row.Rule == rule && found == nil {
			found = &row
		}
	}
	if found == nil {
		fleettest.Print(t, r)
		t.Fatalf("no row of %s", rule)
	}
	return *found
}

func patch(t *testing.T, w watched, apiVersion, kind, namespace, name, merge string) {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(apiVersion)
	o.SetKind(kind)
	client, err := applierOf(t, w.env.host).Resource(o.GroupVersionKind(), namespace)
	must(t, err)
	_, err = client.Patch(t.Context(), name, types.MergePatchType, []byte(merge), metav1.PatchOptions{FieldManager: "kubectl-edit"})
	must(t, err)
}

// Whatever chart is synced, by whichever way Argo CD tracks it, there is no
// drift; and none when one looks again.
func TestASyncedFleetHasNoDrift(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		w := watchedFleet(t, env, "")
		var names []string
		for i, archive := range upstream.All(t) {
			base := filepath.Base(archive)
			name := "live-" + strings.NewReplacer(".tgz", "", ".", "-", "vcluster-", "").Replace(base)
			names = append(names, name)
			w.repo.Copy(t, "charts/"+base, archive)
			w.repo.Cluster(t, name, fmt.Sprintf("  chart: {path: charts/%s}\n  ingress: {enabled: true, host: l%d.example.com, className: nginx}\n", base, i))
		}
		w.build(t)
		for _, name := range names {
			w.sync(t, name, track)
		}
		w.clean(t)
		w.clean(t)
		engine := argoCDOf(t, env)
		for _, name := range append(names, "live") {
			for _, o := range w.markedOf(t, name, track) {
				if engine.outOfSync(t, o) {
					t.Errorf("%s: %s %s is OutOfSync to Argo CD right after a sync", name, o.GetKind(), o.GetName())
				}
			}
		}
		labelled := w // one installation tracks in one way
		labelled.repo, labelled.options = newFleet(t, env)
		labelled.repo.Cluster(t, "live-label", "  ingress: {enabled: true, host: label.example.com, className: nginx}\n")
		labelled.build(t)
		labelled.sync(t, "live-label", trackByLabel)
		labelled.clean(t)
	})
}

// Each kind of drift on the host is made by hand, found, and named.
func TestDriftOnTheHost(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		w := watchedFleet(t, env, "")
		client := clientOf(t, env.host)
		w.clean(t)

		t.Run("changed", func(t *testing.T) {
			patch(t, w, "apps/v1", "StatefulSet", "live", "live", `{"spec":{"replicas":0}}`)
			r := w.drift(t)
			row := want(t, r, drift.RuleLiveChanged)
			if row.Cluster != "live" || row.Object != "StatefulSet live/live" || row.Since == "" || row.Line == 0 ||
				!strings.Contains(row.Message, "spec.replicas is 0, git has 1; besides Argo CD, kubectl-edit changed it last") {
				t.Errorf("%+v", row)
			}
			if !strings.Contains(r.Clusters[0].Diff, "- spec.replicas: 0\n+ spec.replicas: 1\n") || r.Clusters[0].Status != report.Drifted {
				t.Errorf("status %s, diff %s", r.Clusters[0].Status, r.Clusters[0].Diff)
			}
			w.sync(t, "live", track)
			w.clean(t)
		})
		t.Run("no more in git", func(t *testing.T) {
			file := "clusters/live/manifests/vcluster/templates/network.yaml"
			before := w.repo.Read(t, file)
			labelled := strings.Replace(string(before), "  labels:\n", "  labels:\n    example.com/once: git\n", 1)
			if labelled == string(before) {
				t.Fatal("the Service has no labels")
			}
			w.repo.Write(t, file, []byte(labelled))
			w.sync(t, "live", track)
			w.repo.Write(t, file, before)
			if row := want(t, w.drift(t), drift.RuleLiveChanged); !strings.Contains(row.Message, `"example.com/once" is git, git has none`) {
				t.Errorf("%+v", row)
			}
			w.sync(t, "live", track)
			w.clean(t)
		})
		t.Run("missing", func(t *testing.T) {
			must(t, client.CoreV1().Services("live").Delete(t.Context(), "live", metav1.DeleteOptions{}))
			if row := want(t, w.drift(t), drift.RuleLiveMissing); row.Message != "Service live/live is in git, and not on the host" {
				t.Errorf("%+v", row)
			}
			w.sync(t, "live", track)
			w.clean(t)
		})
		t.Run("leftover", func(t *testing.T) { w.leftovers(t, client) })
		t.Run("refused", func(t *testing.T) { w.refused(t, client) })
		t.Run("never synced", func(t *testing.T) {
			other := w
			other.repo, other.options = newFleet(t, env)
			other.repo.Cluster(t, "never", "  ingress: {enabled: true, host: never.example.com}\n")
			other.build(t)
			r := other.drift(t)
			row := want(t, r, drift.RuleLiveMissing)
			if row.Message != "Namespace never is in git, and not on the host, nor is what should be in it" && row.Object != "Application argocd/never" {
				t.Errorf("%+v", row)
			}
			if n := len(r.Drift); n > 5 {
				t.Errorf("%d rows for a namespace that is not there", n)
			}
		})
		t.Run("service range", func(t *testing.T) {
			other := w
			other.repo, other.options = newFleet(t, env)
			other.repo.Cluster(t, "range", "  serviceCIDR: 10.97.0.0/16\n  ingress: {enabled: true, host: range.example.com}\n")
			other.build(t)
			row := want(t, other.drift(t), workspace.RuleServiceCIDRMoved, drift.RuleLiveMissing)
			if row.Kind != report.DriftLive || !strings.Contains(row.Message, "10.96.0.0/16 now; the cluster was built with 10.97.0.0/16") {
				t.Errorf("%+v", row)
			}
		})
	})
}

// leftovers are objects that Argo CD counts to the Application, and no others.
func (w watched) leftovers(t *testing.T, client *kubernetes.Clientset) {
	maps := client.CoreV1().ConfigMaps("live")
	add := func(name, id string, more func(*corev1.ConfigMap)) {
		t.Helper()
		m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: map[string]string{"argocd.argoproj.io/tracking-id": id}}}
		more(m)
		_, err := maps.Create(t.Context(), m, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() { _ = client.CoreV1().ConfigMaps("live").Delete(t.Context(), name, metav1.DeleteOptions{}) })
	}
	nothing := func(*corev1.ConfigMap) {}
	add("copied", "live:/ConfigMap:live/another", nothing)
	add("theirs", "another:/ConfigMap:live/theirs", nothing)
	add("extraneous", "live:/ConfigMap:live/extraneous", func(m *corev1.ConfigMap) {
		m.Annotations["argocd.argoproj.io/compare-options"] = "IgnoreExtraneous"
	})
	// Helm's own label says nothing where Argo CD tracks by annotation.
	add("labelled", "", func(m *corev1.ConfigMap) {
		m.Annotations, m.Labels = nil, map[string]string{"app.kubernetes.io/instance": "live"}
	})
	w.clean(t)
	add("old", "live:/ConfigMap:live/old", nothing)
	row := want(t, w.drift(t), drift.RuleLiveLeftover)
	if row.Cluster != "live" || row.Object != "ConfigMap live/old" {
		t.Errorf("%+v", row)
	}
	must(t, maps.Delete(t.Context(), "old", metav1.DeleteOptions{}))
}

// refused makes the StatefulSet anew with what cannot be changed in place: what
// the Application ignores is passed over, the rest is told.
func (w watched) refused(t *testing.T, client *kubernetes.Clientset) {
	sets := client.AppsV1().StatefulSets("live")
	remake := func(change string) {
		t.Helper()
		set, err := sets.Get(t.Context(), "live", metav1.GetOptions{})
		must(t, err)
		must(t, sets.Delete(t.Context(), "live", metav1.DeleteOptions{}))
		set.ResourceVersion, set.UID, set.ManagedFields = "", "", nil
		must(t, json.Unmarshal([]byte(change), set))
		_, err = sets.Create(t.Context(), set, metav1.CreateOptions{FieldManager: "argocd-controller"})
		must(t, err)
	}
	remake(`{"spec":{"volumeClaimTemplates":[{"metadata":{"name":"data"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"99Gi"}}}}]}}`)
	w.clean(t)
	remake(`{"spec":{"serviceName":"another"}}`)
	if row := want(t, w.drift(t), drift.RuleLiveRefused); row.Object != "StatefulSet live/live" || !strings.Contains(row.Message, "a sync would fail") {
		t.Errorf("%+v", row)
	}
	must(t, sets.Delete(t.Context(), "live", metav1.DeleteOptions{}))
	w.sync(t, "live", track)
	w.clean(t)
}

// The way of a credential, each step of it broken by hand.
func TestDriftOfTheRegistration(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		w := watchedFleet(t, env, "")
		w.clean(t)
		secrets := clientOf(t, env.host).CoreV1().Secrets("argocd")

		t.Run("rotated", func(t *testing.T) {
			writeKubeconfig(t, env.host, "live", "live", syncerKubeconfig(t, w.there, "renewed"))
			row := want(t, w.drift(t), drift.RuleCredentialRotated)
			if row.Command() != "kasou register live" || row.Object != "argocd/cluster-live" {
				t.Errorf("%+v, %s", row, row.Command())
			}
			repaired, err := pipelines.Drift(t.Context(), w.options, pipelines.DriftOptions{Live: true, Repair: true})
			must(t, err)
			// What it registered is not synced yet.
			if row := want(t, repaired, drift.RuleCredentialRotated, drift.RuleLiveChanged, drift.RuleLiveSecret); !row.Repaired {
				t.Errorf("%+v", row)
			}
			w.sync(t, "live", track)
			w.unsealed(t)
			w.clean(t)
		})
		t.Run("another secret", func(t *testing.T) {
			patch(t, w, "v1", "Secret", "argocd", "cluster-live", `{"stringData":{"server":"https://elsewhere.example.com"}}`)
			row := want(t, w.drift(t), drift.RuleLiveSecret)
			if row.Cluster != "live" || !strings.Contains(row.Message, "holds something else than was sealed") {
				t.Errorf("%+v", row)
			}
			must(t, secrets.Delete(t.Context(), "cluster-live", metav1.DeleteOptions{}))
			w.unsealed(t)
			w.clean(t)
		})
		t.Run("no label", func(t *testing.T) {
			patch(t, w, "v1", "Secret", "argocd", "cluster-live", `{"metadata":{"labels":{"argocd.argoproj.io/secret-type":null}}}`)
			if row := want(t, w.drift(t), drift.RuleLiveSecret); !strings.Contains(row.Message, "argocd.argoproj.io/secret-type=cluster") {
				t.Errorf("%+v", row)
			}
			must(t, secrets.Delete(t.Context(), "cluster-live", metav1.DeleteOptions{}))
			w.unsealed(t)
			w.clean(t)
		})
		t.Run("cannot be unsealed", func(t *testing.T) {
			patch(t, w, "bitnami.com/v1alpha1", "SealedSecret", "argocd", "cluster-live", `{"spec":{"encryptedData":{"config":"AgAAAAAA"}}}`)
			for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) {
				r := w.drift(t)
				if has(r, drift.RuleLiveUnsealed) || time.Now().After(deadline) {
					want(t, r, drift.RuleLiveUnsealed, drift.RuleLiveChanged)
					break
				}
			}
			w.sync(t, "live", track)
			for deadline := time.Now().Add(30 * time.Second); has(w.drift(t), drift.RuleLiveUnsealed) && time.Now().Before(deadline); {
				time.Sleep(50 * time.Millisecond)
			}
			w.clean(t)
		})
		t.Run("another cluster answers", func(t *testing.T) {
			world.route("live.k8s.example.com", env.host.URL)
			defer world.route("live.k8s.example.com", w.there.URL)
			if row := want(t, w.drift(t), drift.RuleLiveSilent, drift.RuleEndpointCertificate); !strings.Contains(row.Message, "certificate") {
				t.Errorf("%+v", row)
			}
		})
		t.Run("nobody answers", func(t *testing.T) {
			world.route("live.k8s.example.com", "https://127.0.0.1:1")
			defer world.route("live.k8s.example.com", w.there.URL)
			if row := want(t, w.drift(t), drift.RuleLiveSilent); !strings.HasPrefix(row.Message, liveServer+" does not answer") {
				t.Errorf("%+v", row)
			}
		})
		t.Run("not accepted", func(t *testing.T) {
			data, err := w.there.TokenKubeconfig("https://localhost:8443", rand.Text()+rand.Text()) // not one of its own
			must(t, err)
			writeKubeconfig(t, env.host, "live", "live", data)
			w.register(t)
			if row := want(t, w.drift(t), drift.RuleLiveSilent); !strings.Contains(row.Message, "does not accept the registered credential") {
				t.Errorf("%+v", row)
			}
			writeKubeconfig(t, env.host, "live", "live", syncerKubeconfig(t, w.there, "accepted"))
			w.register(t)
			w.clean(t)
		})
		t.Run("certificate", func(t *testing.T) {
			renewed, err := env.controller.RenewKey(t.Context())
			must(t, err)
			row := want(t, w.drift(t), drift.RuleCertificateRenewed)
			if row.Cluster != "" || row.Command() != "kasou lock --certificate" || row.Since == "" {
				t.Errorf("%+v", row)
			}
			w.repo.Write(t, "clusters/sealed-secrets.crt", renewed)
			w.clean(t)
		})
	})
}

// A host that does not answer, or not to everything, leaves unknown what it did
// not tell, and nothing hangs.
func TestDriftThatTheHostDoesNotTell(t *testing.T) {
	env := hostOf(t, newest)
	w := watchedFleet(t, env, "")
	w.repo.Cluster(t, "other", "  ingress: {enabled: true, host: other.example.com}\n")
	w.build(t)
	o := w
	o.options.OpenHost = func(string) (*host.Host, error) { return nobody(t, env.host, "nobody-asks-for-drift"), nil }
	r := o.drift(t)
	if r.Failed() || r.Count(report.Unknown) != 2 {
		fleettest.Print(t, r)
		t.Errorf("%d clusters are unknown, want 2, and no drift", r.Count(report.Unknown))
	}
	if text := fmt.Sprint(r.Unfinished); !strings.Contains(text, `resources: ["statefulsets"]`) || !strings.Contains(text, `verbs: ["patch"]`) && !strings.Contains(text, `verbs: ["get"]`) {
		t.Errorf("the rule to add is not named: %s", text)
	}
	elsewhere := w
	fleetFile := string(w.repo.Read(t, "clusters/fleet.yaml"))
	w.repo.Write(t, "clusters/fleet.yaml", []byte(fleetFile+"  argocd: {destination: \"https://host.example.com\"}\n"))
	elsewhere.build(t)
	if r := elsewhere.drift(t); !strings.Contains(fmt.Sprint(r.Unfinished), "Argo CD runs on another cluster") || has(r, drift.RuleLiveSecret) {
		fleettest.Print(t, r)
		t.Error("what is on another cluster cannot be compared, and that is to be said")
	}
	w.repo.Write(t, "clusters/fleet.yaml", []byte(fleetFile))
	elsewhere.build(t)

	o.options.OpenHost = func(string) (*host.Host, error) { return nil, errors.New("there is no kubeconfig here") }
	if r = o.drift(t); r.Failed() || r.Count(report.Unknown) != 2 {
		fleettest.Print(t, r)
		t.Error("without a host both clusters are unknown")
	}
}
