package e2e

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	admission "k8s.io/api/admission/v1"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/pipelines/drift"
)

// inject makes every StatefulSet of the namespace live pass a webhook with a
// patch. It returns what ends that.
func (w watched) inject(t *testing.T, patch string) func() {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		var review admission.AdmissionReview
		if json.NewDecoder(in.Body).Decode(&review) != nil || review.Request == nil {
			http.Error(out, "no review", http.StatusBadRequest)
			return
		}
		kind := admission.PatchTypeJSONPatch
		review.Response = &admission.AdmissionResponse{UID: review.Request.UID, Allowed: true, PatchType: &kind, Patch: []byte(patch)}
		_ = json.NewEncoder(out).Encode(review)
	}))
	t.Cleanup(server.Close)
	none, fail := admissionv1.SideEffectClassNone, admissionv1.Fail
	hooks := clientOf(t, w.env.host).AdmissionregistrationV1().MutatingWebhookConfigurations()
	_, err := hooks.Create(t.Context(), &admissionv1.MutatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: "inject"},
		Webhooks: []admissionv1.MutatingWebhook{{
			Name: "inject.example.com", SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": "live"}},
			ClientConfig: admissionv1.WebhookClientConfig{URL: &server.URL,
				CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})},
			Rules: []admissionv1.RuleWithOperations{{
				Operations: []admissionv1.OperationType{admissionv1.Create, admissionv1.Update},
				Rule:       admissionv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"statefulsets"}},
			}},
		}},
	}, metav1.CreateOptions{})
	must(t, err)
	return func() { must(t, hooks.Delete(t.Context(), "inject", metav1.DeleteOptions{})) }
}

// What an admission webhook makes of a sync is not drift, to kasou or to Argo CD:
// neither a field that it adds, nor one of git's that it rewrites. Once it is
// gone, what it rewrote is drift.
func TestAWebhookThatChangesWhatIsSynced(t *testing.T) {
	env := hostOf(t, newest)
	w := watchedFleet(t, env, "")
	engine := argoCDOf(t, env)
	sets := clientOf(t, env.host).AppsV1().StatefulSets("live")
	injected := func() bool {
		set, err := sets.Get(t.Context(), "live", metav1.GetOptions{})
		must(t, err)
		return set.Labels["injected"] == "yes" && strings.HasPrefix(set.Spec.Template.Spec.Containers[0].Image, "mirror.example.com/")
	}
	end := w.inject(t, `[{"op":"add","path":"/metadata/labels/injected","value":"yes"},
		{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"mirror.example.com/k3s:1"}]`)
	for deadline := time.Now().Add(20 * time.Second); !injected(); time.Sleep(100 * time.Millisecond) { // a webhook takes a moment to be called
		if time.Now().After(deadline) {
			t.Fatal("the webhook is not called")
		}
		w.sync(t, "live", track)
	}
	w.clean(t)
	if w.argoCDOutOfSync(t, engine, "StatefulSet/live") {
		t.Error("OutOfSync to Argo CD, and clean to kasou")
	}
	end()
	for deadline := time.Now().Add(20 * time.Second); !has(w.drift(t), drift.RuleLiveChanged) && time.Now().Before(deadline); {
		time.Sleep(100 * time.Millisecond)
	}
	if row := want(t, w.drift(t), drift.RuleLiveChanged); !strings.Contains(row.Message, "mirror.example.com/k3s:1") {
		t.Errorf("%+v", row)
	}
	if !w.argoCDOutOfSync(t, engine, "StatefulSet/live") {
		t.Error("in sync to Argo CD, and drift to kasou")
	}
	must(t, sets.Delete(t.Context(), "live", metav1.DeleteOptions{}))
	w.sync(t, "live", track)
	w.clean(t)
}
