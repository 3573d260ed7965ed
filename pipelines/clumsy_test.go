package pipelines_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"kasou/pipelines"
	"kasou/pipelines/host"
)

// A host that does not accept who asks is unknown, with what to do about it.
func TestAHostThatDoesNotKnowWhoAsks(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(server.Close)
	options.OpenHost = openHost(t, repo, server, host.Options{})
	live, err := pipelines.Drift(t.Context(), options, pipelines.DriftOptions{Live: true})
	if err != nil {
		t.Fatal(err)
	}
	registered, err := pipelines.Register(t.Context(), options, pipelines.Registration{})
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range append(live.Unfinished, registered.Unfinished...) {
		if !strings.Contains(u.Message, "does not accept these credentials") || u.Hint != "Renew the credentials in the kubeconfig." {
			t.Errorf("%+v", u)
		}
	}
	if len(live.Unfinished) == 0 || len(registered.Unfinished) == 0 {
		t.Errorf("drift leaves %v unfinished, and register %v", live.Unfinished, registered.Unfinished)
	}
}

// Who interrupts kasou doctor hears that, and nothing of a host that was not waited for.
func TestDoctorIsInterrupted(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	options.OpenHost = openHost(t, repo, server, host.Options{})
	if _, err := pipelines.Doctor(ctx, options); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}
