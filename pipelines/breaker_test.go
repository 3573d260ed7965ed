package pipelines_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/host"
)

// stalled returns a host that takes requests and never answers, and counts them.
func stalled(t *testing.T, repo fleettest.Repo) (open func(string) (*host.Host, error), requests *atomic.Int64) {
	t.Helper()
	requests = new(atomic.Int64)
	end := make(chan struct{})
	server := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		select {
		case <-end:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(end) })
	return openHost(t, repo, server, host.Options{Timeout: 100 * time.Millisecond}), requests
}

// A host that stalls is asked by those at work, and by nobody after them; each
// cluster says that it is unfinished.
func TestAStalledHostIsNotAskedForEachCluster(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("c%02d", i))
	}
	repo := example(t, names...)
	options := repo.Options(t, tools(t))
	var requests *atomic.Int64
	options.OpenHost, requests = stalled(t, repo)
	r, err := pipelines.Register(context.Background(), options, pipelines.Registration{})
	if err != nil || len(r.Unfinished) != len(names) {
		t.Errorf("%v: %d unfinished, want %d", err, len(r.Unfinished), len(names))
	}
	if n := requests.Load(); n == 0 || n > int64(2*options.Jobs) {
		t.Errorf("the host was asked %d times for %d clusters", n, len(names))
	}
}

func TestAStalledHostIsNotAskedForEachValue(t *testing.T) {
	repo, options, _ := hiding(t, map[string]string{"config.yaml": configSecret})
	for i := range 20 {
		repo.Cluster(t, fmt.Sprintf("c%02d", i), "  chart: {path: charts/c}\n  valuesFrom: [{path: database.source, secret: {name: db, key: url}}]\n")
	}
	var requests *atomic.Int64
	options.OpenHost, requests = stalled(t, repo)
	r := pipe(t, pipelines.Build, options)
	if len(r.Unfinished) != 20 {
		t.Errorf("%d unfinished, want 20", len(r.Unfinished))
	}
	if n := requests.Load(); n == 0 || n > int64(2*options.Jobs) {
		t.Errorf("the host was asked %d times", n)
	}
}
