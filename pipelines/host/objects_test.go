package host

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"kasou/internal/sealtest"
	"kasou/pipelines/credential"
)

var (
	services  = schema.GroupVersionKind{Version: "v1", Kind: "Service"}
	coreKinds = reply(http.StatusOK, metav1.APIResourceList{GroupVersion: "v1", APIResources: []metav1.APIResource{
		{Name: "namespaces", Kind: "Namespace"},
		{Name: "services/status", Kind: "Service", Namespaced: true},
		{Name: "services", Kind: "Service", Namespaced: true},
	}})
)

func service() *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "dev", "namespace": "dev"},
	}}
}

const servicePath = "/api/v1/namespaces/dev/services/dev"

// What real API servers answer is tested in e2e; here is what they cannot be
// made to answer.
func TestObjectFaults(t *testing.T) {
	another := service()
	another.SetName("another")
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"another object": {reply(http.StatusOK, another.Object), "unreachable"},
		"garbage":        {text(http.StatusOK, "<html>"), "unreachable"},
		"forbidden":      {forbidden("services"), "forbidden"},
	} {
		h := opened(t, serve(t, map[string]http.HandlerFunc{"GET /api/v1": coreKinds, "GET " + servicePath: c.answer}), Options{Retries: -1})
		if o, err := h.Object(background(t), service()); o != nil || kindOf(err) != c.want {
			t.Errorf("%s: %v, %v; want %s", name, o, err, c.want)
		}
	}
}

func TestAKindThatTheHostDoesNotKnow(t *testing.T) {
	h := opened(t, serve(t, map[string]http.HandlerFunc{"GET /api/v1": coreKinds}), Options{})
	for _, kind := range []schema.GroupVersionKind{{Version: "v1", Kind: "Servitor"}, {Group: "example.com", Version: "v1", Kind: "Service"}} {
		o := service()
		o.SetGroupVersionKind(kind)
		var missing *NoKindError
		if _, err := h.Object(background(t), o); !errors.As(err, &missing) || missing.Kind != kind {
			t.Errorf("%v: %v", kind, err)
		}
	}
}

// A refusal is not a failure of the host; and nothing is sent but as a dry run.
func TestPredictIsADryRun(t *testing.T) {
	s := serve(t, map[string]http.HandlerFunc{"GET /api/v1": coreKinds, "PATCH " + servicePath: invalid("spec.clusterIPs[0]: field is immutable")})
	var refused *RefusedError
	if _, err := opened(t, s, Options{}).Predict(background(t), service()); !errors.As(err, &refused) || !strings.Contains(err.Error(), "Service dev/dev: the host refuses it: spec.clusterIPs[0]") {
		t.Errorf("%v", err)
	}
	asked := s.requests()
	if last := asked[len(asked)-1]; !strings.Contains(last, "dryRun=All") || !strings.Contains(last, "fieldManager=argocd-controller") {
		t.Errorf("asked %s", last)
	}
}

func TestMetadataIsReadPageByPage(t *testing.T) {
	page := func(w http.ResponseWriter, r *http.Request) {
		list := metav1.PartialObjectMetadataList{Items: []metav1.PartialObjectMetadata{{ObjectMeta: metav1.ObjectMeta{Name: "page-" + r.URL.Query().Get("continue")}}}}
		if r.URL.Query().Get("continue") == "" {
			list.Continue = "two"
		}
		reply(http.StatusOK, list)(w, r)
	}
	h := opened(t, serve(t, map[string]http.HandlerFunc{"GET /api/v1": coreKinds, "GET /api/v1/services": page}), Options{})
	all, err := h.Metadata(background(t), services)
	if err != nil || len(all) != 2 || all[1].Name != "page-two" {
		t.Errorf("%v, %v", all, err)
	}
}

// answering runs a virtual cluster, and gives its server and a credential.
func answering(t *testing.T, answer http.HandlerFunc) (string, credential.Credential) {
	t.Helper()
	s := serve(t, map[string]http.HandlerFunc{"POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews": answer})
	return s.URL, credential.Credential{BearerToken: testToken, CAData: pemOf(s)}
}

func TestAnswers(t *testing.T) {
	good := reply(http.StatusCreated, map[string]any{"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"})
	server, cred := answering(t, good)
	ask := func(server string, cred credential.Credential) error {
		return Answers(background(t), server, cred, Options{Timeout: 2 * time.Second, Retries: -1})
	}
	if err := ask(server, cred); err != nil {
		t.Fatal(err)
	}
	strange, stranger := answering(t, good)
	stranger.CAData = sealtest.NewKeyPair(t).Certificate
	unknown := cred
	unknown.BearerToken = "another"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "https://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"not accepted":   {ask(server, unknown), "does not accept the registered credential"},
		"another CA":     {ask(strange, stranger), "certificate"},
		"nobody listens": {ask(closed, cred), "connection refused"},
		"anonymous":      {ask(answering(t, forbidden("selfsubjectaccessreviews"))), "does not know who asks"},
		"no API server":  {ask(answering(t, nil)), "is not a Kubernetes API server"},
		"asleep":         {ask(answering(t, text(http.StatusServiceUnavailable, "no backend"))), "HTTP 503"},
		"elsewhere":      {ask(answering(t, http.RedirectHandler("https://example.com", http.StatusFound).ServeHTTP)), "sends kasou to another server"},
		"a web page":     {ask(answering(t, text(http.StatusOK, "<html>"))), "not a Kubernetes object"},
	} {
		if _, ok := errors.AsType[*SilentError](c.err); !ok || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%s: %v; want %s", name, c.err, c.want)
		}
		if strings.Contains(fmt.Sprint(c.err), testToken) {
			t.Errorf("%s: the message has the token", name)
		}
	}
	// What cannot be reached from here says nothing of the cluster.
	slow, slowCred := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not see who hangs up
		<-r.Context().Done()
	})
	for name, err := range map[string]error{"no name": ask("https://nobody.invalid", cred), "no answer": ask(slow, slowCred)} {
		if kindOf(err) != "unreachable" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServiceRangeHas(t *testing.T) {
	r := ServiceRange{CIDR: "10.96.0.0/16,fd00::/112", Others: []string{"10.99.0.0/16"}}
	for cidr, want := range map[string]bool{
		"10.96.0.0/16": true, "fd00::/112": true, "fd00::/112,10.96.0.0/16": true, "10.99.0.0/16": true,
		"10.96.0.0/12": false, "10.96.0.0/16,10.0.0.0/8": false, "nonsense": false,
	} {
		if r.Has(cidr) != want {
			t.Errorf("%s: %t", cidr, !want)
		}
	}
}
