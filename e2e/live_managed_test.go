package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines/drift"
	"kasou/pipelines/finding"
	"kasou/pipelines/report"
)

// A handMade change of one object, and the verdicts on it.
type handMade struct {
	name string
	// object is KIND/NAME, in the namespace live where it has one.
	object string
	// change is a JSON patch, or the object anew where it is nil: edit changes it.
	change string
	// rule is kasou's; empty for none. text is in its message.
	rule finding.Rule
	text string
}

// What Argo CD's comparison finds, kasou calls drift-live-changed; what Argo CD
// does not see, because its own field manager does not have it, drift-live-added.
var handMades = []handMade{
	{"a field is changed", "StatefulSet/live", `[{"op":"replace","path":"/spec/replicas","value":0}]`, drift.RuleLiveChanged, "spec.replicas is 0, git has 1"},
	{"an image is changed", "StatefulSet/live", `[{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"evil"}]`, drift.RuleLiveChanged, `is evil`},
	{"a field is removed", "StatefulSet/live", `[{"op":"remove","path":"/metadata/labels/app"}]`, drift.RuleLiveChanged, "metadata.labels.app is missing"},
	{"a list item is removed", "StatefulSet/live", `[{"op":"remove","path":"/spec/template/spec/containers/0/args/0"}]`, drift.RuleLiveChanged, "args"},
	{"an item of a plain list is added", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/containers/0/args/-","value":"--evil"}]`, drift.RuleLiveChanged, "args"},
	{"a selector is widened", "Service/live", `[{"op":"add","path":"/spec/selector/evil","value":"yes"}]`, drift.RuleLiveChanged, "spec.selector"},
	{"a rule is added to a role", "Role/live", `[{"op":"add","path":"/rules/-","value":{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}}]`, drift.RuleLiveChanged, "rules"},
	{"a field is added", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/priority","value":7}]`, drift.RuleLiveAdded, "spec.template.spec.priority"},
	{"a default is changed", "StatefulSet/live", `[{"op":"replace","path":"/spec/template/spec/dnsPolicy","value":"Default"}]`, drift.RuleLiveAdded, "spec.template.spec.dnsPolicy"},
	{"a default is written out", "StatefulSet/live", `[{"op":"replace","path":"/spec/template/spec/dnsPolicy","value":"ClusterFirst"}]`, "", ""},
	{"a privileged init container is added", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/initContainers","value":[{"name":"evil","image":"evil","securityContext":{"privileged":true}}]}]`, drift.RuleLiveAdded, `spec.template.spec.initContainers[name="evil"]`},
	{"a container is added", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/containers/-","value":{"name":"evil","image":"evil"}}]`, drift.RuleLiveAdded, `spec.template.spec.containers[name="evil"]`},
	{"a variable is added", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/containers/1/env","value":[{"name":"EVIL","value":"hidden-value"}]}]`, drift.RuleLiveAdded, `env[name="EVIL"]`},
	{"a port is added", "Service/live", `[{"op":"add","path":"/spec/ports/-","value":{"name":"evil","port":4444,"protocol":"TCP"}}]`, drift.RuleLiveAdded, `spec.ports[port=4444,protocol="TCP"]`},
	{"an annotation is added", "StatefulSet/live", `[{"op":"add","path":"/metadata/annotations/example.com~1owner","value":"them"}]`, drift.RuleLiveAdded, `metadata.annotations."example.com/owner"`},
	{"a level of Pod Security is added", "Namespace/live", `[{"op":"add","path":"/metadata/labels/pod-security.kubernetes.io~1enforce","value":"privileged"}]`, drift.RuleLiveAdded, `metadata.labels."pod-security.kubernetes.io/enforce"`},
	{"the tracking annotation is removed", "Service/live", `[{"op":"remove","path":"/metadata/annotations/argocd.argoproj.io~1tracking-id"}]`, drift.RuleLiveChanged, "annotation argocd.argoproj.io/tracking-id"},
	{"the tracking annotation is another's", "Service/live", `[{"op":"replace","path":"/metadata/annotations/argocd.argoproj.io~1tracking-id","value":"other:/Service:live/live"}]`, drift.RuleLiveChanged, "annotation argocd.argoproj.io/tracking-id"},
	{"the Application syncs no more", "Application/live", `[{"op":"remove","path":"/spec/syncPolicy/automated"}]`, drift.RuleLiveChanged, "spec.syncPolicy.automated"},
	{"the Application has a source beside", "Application/live", `[{"op":"add","path":"/spec/source/kustomize","value":{"namePrefix":"evil-"}}]`, drift.RuleLiveAdded, "spec.source.kustomize"},
	{"the Application is to be refreshed", "Application/live", `[{"op":"add","path":"/metadata/annotations/argocd.argoproj.io~1refresh","value":"hard"}]`, "", ""},
	{"a finalizer is added", "Service/live", `[{"op":"add","path":"/metadata/finalizers","value":["example.com/wait"]}]`, "", ""},
	{"a value of a label is changed", "Service/live", `[{"op":"replace","path":"/metadata/labels/app","value":"other"}]`, drift.RuleLiveChanged, "metadata.labels.app"},
	{"a limit is changed", "StatefulSet/live", `[{"op":"replace","path":"/spec/template/spec/containers/0/resources/limits/memory","value":"9Gi"}]`, drift.RuleLiveChanged, "limits.memory"},
	{"a limit is written in another way", "StatefulSet/live", `[{"op":"replace","path":"/spec/template/spec/containers/0/resources/limits/memory","value":"2048Mi"}]`, "", ""},
	{"a probe is removed", "StatefulSet/live", `[{"op":"remove","path":"/spec/template/spec/containers/1/livenessProbe"}]`, drift.RuleLiveChanged, "livenessProbe"},
	{"a mount is removed", "StatefulSet/live", `[{"op":"remove","path":"/spec/template/spec/containers/0/volumeMounts/0"}]`, drift.RuleLiveChanged, "volumeMounts"},
	{"a mount is added", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/containers/0/volumeMounts/-","value":{"name":"data","mountPath":"/evil"}}]`, drift.RuleLiveAdded, `volumeMounts[mountPath="/evil"]`},
	{"another account is taken", "StatefulSet/live", `[{"op":"replace","path":"/spec/template/spec/serviceAccountName","value":"default"}]`, drift.RuleLiveChanged, "serviceAccountName"},
	{"the host's network is taken", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/hostNetwork","value":true}]`, drift.RuleLiveAdded, "spec.template.spec.hostNetwork"},
	{"a container is made privileged", "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/containers/0/securityContext","value":{"privileged":true}}]`, drift.RuleLiveAdded, `containers[name="vcluster"].securityContext.privileged`},
	{"a label of the pods is added", "StatefulSet/live", `[{"op":"add","path":"/spec/template/metadata/labels/evil","value":"yes"}]`, drift.RuleLiveAdded, "spec.template.metadata.labels.evil"},
	{"the pods are restarted", "StatefulSet/live", `[{"op":"add","path":"/spec/template/metadata/annotations","value":{"kubectl.kubernetes.io/restartedAt":"2026"}}]`, drift.RuleLiveAdded, `spec.template.metadata.annotations."kubectl.kubernetes.io/restartedAt"`},
	{"a Service gets another type", "Service/live", `[{"op":"replace","path":"/spec/type","value":"NodePort"}]`, drift.RuleLiveChanged, "spec.type"},
	{"a port leads elsewhere", "Service/live", `[{"op":"replace","path":"/spec/ports/0/targetPort","value":1}]`, drift.RuleLiveChanged, "targetPort"},
	{"an external address is added", "Service/live", `[{"op":"add","path":"/spec/externalIPs","value":["10.1.1.1"]}]`, drift.RuleLiveAdded, "spec.externalIPs"},
	{"an affinity is set", "Service/live", `[{"op":"replace","path":"/spec/sessionAffinity","value":"ClientIP"}]`, drift.RuleLiveAdded, "spec.sessionAffinity"},
	{"a subject is added", "RoleBinding/live", `[{"op":"add","path":"/subjects/-","value":{"kind":"User","name":"evil","apiGroup":"rbac.authorization.k8s.io"}}]`, drift.RuleLiveChanged, "subjects"},
	{"a pull secret is added", "ServiceAccount/vc-live", `[{"op":"add","path":"/imagePullSecrets","value":[{"name":"evil"}]}]`, drift.RuleLiveAdded, "imagePullSecrets"},
	{"a host is changed", "Ingress/live", `[{"op":"replace","path":"/spec/rules/0/host","value":"evil.example.com"}]`, drift.RuleLiveChanged, "evil.example.com"},
	{"a certificate is added", "Ingress/live", `[{"op":"add","path":"/spec/tls","value":[{"hosts":["live.k8s.example.com"],"secretName":"evil"}]}]`, drift.RuleLiveAdded, "spec.tls"},
	{"an annotation of a controller is added", "Ingress/live", `[{"op":"add","path":"/metadata/annotations/nginx.ingress.kubernetes.io~1server-snippet","value":"evil"}]`, drift.RuleLiveAdded, "server-snippet"},
	{"status is written", "Ingress/live", `[{"op":"add","path":"/status/loadBalancer","value":{"ingress":[{"ip":"10.1.1.1"}]}}]`, "", ""},
	{"the project is changed", "Application/live", `[{"op":"replace","path":"/spec/project","value":"other"}]`, drift.RuleLiveChanged, "spec.project"},
	{"the Application syncs", "Application/live", `[{"op":"add","path":"/operation","value":{"sync":{"revision":"main"}}}]`, "", ""},
}

const byHand = "kubectl-edit"

// kindsByHand are the kinds of handMades.
var kindsByHand = map[string][2]string{
	"StatefulSet": {"apps/v1", "live"}, "Service": {"v1", "live"}, "Namespace": {"v1", ""},
	"Role": {"rbac.authorization.k8s.io/v1", "live"}, "RoleBinding": {"rbac.authorization.k8s.io/v1", "live"},
	"ServiceAccount": {"v1", "live"}, "Ingress": {"networking.k8s.io/v1", "live"},
	"Application": {"argoproj.io/v1alpha1", "argocd"},
}

func (w watched) handMade(t *testing.T, object, change string) {
	t.Helper()
	kind, name, _ := strings.Cut(object, "/")
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(kindsByHand[kind][0])
	o.SetKind(kind)
	client, err := applierOf(t, w.env.host).Resource(o.GroupVersionKind(), kindsByHand[kind][1])
	must(t, err)
	_, err = client.Patch(t.Context(), name, types.JSONPatchType, []byte(change), metav1.PatchOptions{FieldManager: byHand})
	must(t, err)
}

// restore puts an object back as it was, and syncs. It returns what does so.
func (w watched) restore(t *testing.T, object string) func() {
	t.Helper()
	kind, name, _ := strings.Cut(object, "/")
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(kindsByHand[kind][0])
	o.SetKind(kind)
	client, err := applierOf(t, w.env.host).Resource(o.GroupVersionKind(), kindsByHand[kind][1])
	must(t, err)
	before, err := client.Get(t.Context(), name, metav1.GetOptions{})
	must(t, err)
	return func() {
		t.Helper()
		before.SetResourceVersion("")
		before.SetManagedFields(nil)
		now, err := client.Get(t.Context(), name, metav1.GetOptions{})
		must(t, err)
		before.SetResourceVersion(now.GetResourceVersion())
		_, err = client.Update(t.Context(), before, metav1.UpdateOptions{FieldManager: byHand})
		must(t, err)
		w.sync(t, "live", track)
	}
}

// argoCDOutOfSync returns Argo CD's verdict on one object of the cluster live.
func (w watched) argoCDOutOfSync(t *testing.T, engine *argoCD, object string) bool {
	t.Helper()
	for _, o := range w.markedOf(t, "live", track) {
		if o.GetKind()+"/"+o.GetName() == object {
			return engine.outOfSync(t, o)
		}
	}
	t.Fatalf("git has no %s", object)
	return false
}

// Each change by hand has the verdict that it should have, and none beside; and
// what is changed to kasou is OutOfSync to Argo CD, and nothing else is.
func TestVerdictsOnWhatIsDoneByHand(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		w := watchedFleet(t, env, "")
		w.clean(t)
		engine := argoCDOf(t, env)
		for _, c := range handMades {
			t.Run(c.name, func(t *testing.T) {
				back := w.restore(t, c.object)
				start := time.Now().Add(-2 * time.Second)
				w.handMade(t, c.object, c.change)
				if c.rule == "" {
					w.clean(t)
				} else {
					row := want(t, w.drift(t), c.rule)
					if !strings.Contains(row.Message, c.text) || c.rule == drift.RuleLiveAdded && !strings.Contains(row.Message, byHand) {
						t.Errorf("%+v", row)
					}
					if strings.Contains(row.Message, "hidden-value") {
						t.Errorf("a value is in %q", row.Message)
					}
					if at, err := time.Parse(time.RFC3339, row.Since); c.rule == drift.RuleLiveAdded && (err != nil || at.Before(start)) {
						t.Errorf("since %q, %v", row.Since, err)
					}
				}
				if got := w.argoCDOutOfSync(t, engine, c.object); got != (c.rule == drift.RuleLiveChanged) {
					t.Errorf("OutOfSync to Argo CD: %t, and kasou finds %q", got, c.rule)
				}
				back()
				w.clean(t)
			})
		}
	})
}

// Who is listed in fleet.yaml may add what is listed; an entry that nobody needs
// is a note.
func TestManagersThatMayAddFields(t *testing.T) {
	env := hostOf(t, newest)
	w := watchedFleet(t, env, "")
	back := w.restore(t, "StatefulSet/live")
	w.handMade(t, "StatefulSet/live", `[{"op":"add","path":"/spec/template/spec/priority","value":7},
		{"op":"add","path":"/spec/template/spec/containers/1/env","value":[{"name":"THEIRS","value":"x"}]}]`)
	before := string(w.repo.Read(t, "clusters/fleet.yaml"))
	allow := func(managers string) *report.Report {
		t.Helper()
		w.repo.Write(t, "clusters/fleet.yaml", []byte(before+"  drift: {managers: ["+managers+"]}\n"))
		return w.drift(t)
	}
	for _, c := range []struct {
		managers string
		left     []string
	}{
		{`{name: kubectl-edit}`, nil},
		{`{name: kubectl-edit, kinds: [PodDisruptionBudget]}`, []string{"priority", "THEIRS"}},
		{`{name: kubectl-edit, fields: [spec.temp]}`, []string{"priority", "THEIRS"}},
		{`{name: kubectl-edit, kinds: [StatefulSet], fields: ["spec.template.spec.containers[].env"]}`, []string{"priority"}},
		{`{name: kubectl-edit, fields: ['spec.template.spec.containers[name="syncer"].env[name="THEIRS"]', spec.template.spec.priority]}`, nil},
	} {
		managers, left := c.managers, c.left
		r := allow(managers)
		if unused := slices.ContainsFunc(r.Drift, func(row report.Row) bool { return row.Rule == drift.RuleLiveManagerUnused && row.Line > 0 }); unused != (len(left) == 2) {
			fleettest.Print(t, r)
			t.Errorf("%s: unused is %t", managers, unused)
		}
		if left == nil {
			if r.Failed() {
				fleettest.Print(t, r)
				t.Errorf("%s: drift that is allowed", managers)
			}
			continue
		}
		row := want(t, r, drift.RuleLiveAdded)
		for _, field := range []string{"priority", "THEIRS"} {
			if strings.Contains(row.Message, field) != slices.Contains(left, field) {
				t.Errorf("%s: %s", managers, row.Message)
			}
		}
	}
	w.repo.Write(t, "clusters/fleet.yaml", []byte(before))
	back()
	w.clean(t)
}

// A field that git no longer has is drift, also where an object was synced by
// the client, as kasou's Applications did before they had ServerSideApply.
func TestAFieldTakenOutOfGit(t *testing.T) {
	env := hostOf(t, newest)
	w := watchedFleet(t, env, "")
	file := "clusters/live/manifests/vcluster/templates/network.yaml"
	before := w.repo.Read(t, file)
	w.repo.Write(t, file, []byte(strings.Replace(string(before), "  labels:\n", "  labels:\n    example.com/once: git\n", 1)))
	w.sync(t, "live", track)
	w.repo.Write(t, file, before)
	if row := want(t, w.drift(t), drift.RuleLiveChanged); !strings.Contains(row.Message, "example.com/once") {
		t.Errorf("%+v", row)
	}
	engine := argoCDOf(t, env)
	if !w.argoCDOutOfSync(t, engine, "Service/live") {
		t.Error("in sync to Argo CD")
	}
	w.sync(t, "live", track)
	w.clean(t)

	w.repo.Write(t, file, []byte(strings.Replace(string(before), "  labels:\n", "  labels:\n    example.com/once: git\n", 1)))
	for _, o := range generatedOf(t, w.repo, "live") {
		if o.GetKind() == "Service" && o.GetLabels()["example.com/once"] != "" {
			w.syncByClient(t, o)
		}
	}
	w.repo.Write(t, file, before)
	row := want(t, w.drift(t), drift.RuleLiveChanged)
	if !strings.Contains(row.Message, `Argo CD applied metadata.labels."example.com/once", and git no longer has it`) {
		t.Errorf("%+v", row)
	}
	if w.argoCDOutOfSync(t, engine, "Service/live") {
		t.Error("the server-side diff sees what a sync by the client left: docs/drift.md says that it does not")
	}
	client := clientOf(t, env.host).CoreV1().Services("live")
	must(t, client.Delete(t.Context(), row.Object[strings.LastIndex(row.Object, "/")+1:], metav1.DeleteOptions{}))
	w.sync(t, "live", track)
	w.clean(t)
}

// syncByClient makes an object anew as a sync without ServerSideApply does.
func (w watched) syncByClient(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	track("live", o)
	record, err := json.Marshal(o.Object)
	must(t, err)
	set(o.GetAnnotations, o.SetAnnotations, "kubectl.kubernetes.io/last-applied-configuration", string(record))
	client, err := applierOf(t, w.env.host).Resource(o.GroupVersionKind(), "live")
	must(t, err)
	must(t, client.Delete(t.Context(), o.GetName(), metav1.DeleteOptions{}))
	_, err = client.Create(t.Context(), o, metav1.CreateOptions{FieldManager: "argocd-controller"})
	must(t, err)
}

// What others write into a Secret that the controller made is named, by its
// keys alone.
func TestWhatOthersWriteIntoAnUnsealedSecret(t *testing.T) {
	onEveryVersion(t, func(t *testing.T, env *environment) {
		w := watchedFleet(t, env, "")
		archive := upstream.Chart(t, "vcluster-0.36.1")
		w.repo.Copy(t, "charts/new.tgz", archive)
		w.repo.Cluster(t, "unsealed", "  chart: {path: charts/new.tgz}\n  ingress: {enabled: true, host: unsealed.example.com, className: nginx}\n")
		w.build(t)
		w.sync(t, "unsealed", track)
		w.clean(t)
		patch(t, w, "v1", "Secret", "unsealed", "vc-config-unsealed", `{"stringData":{"evil":"hidden-value"},"metadata":{"labels":{"example.com/theirs":"x"}}}`)
		row := want(t, w.drift(t), drift.RuleLiveAdded)
		if row.Cluster != "unsealed" || row.Object != "SealedSecret unsealed/vc-config-unsealed" ||
			!strings.Contains(row.Message, `Secret unsealed/vc-config-unsealed has what kubectl-edit added, and git does not: data.evil, metadata.labels."example.com/theirs"`) {
			t.Errorf("%+v", row)
		}
		if strings.Contains(fmt.Sprint(row), "hidden-value") {
			t.Error("a value is told")
		}
		must(t, clientOf(t, env.host).CoreV1().Secrets("unsealed").Delete(t.Context(), "vc-config-unsealed", metav1.DeleteOptions{}))
		secretOf(t, env, "unsealed", "vc-config-unsealed")
		w.clean(t)
	})
}
