package e2e

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kasou/e2e/internal/apply"
	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/host"
)

// 200 clusters are compared with no more requests a second than the host is to
// get, and with two for each object: one reads it, one tries it.
func TestTheHostIsNotAskedTooOften(t *testing.T) {
	const clusters, qps, burst = 200, 400, 100
	env := hostOf(t, newest)
	_ = virtualCluster(t) // answers at every cluster's name
	installArgoCD(t, env)
	repo, options := newFleet(t, env)
	for i := range clusters {
		repo.Cluster(t, fmt.Sprintf("many-%03d", i), fmt.Sprintf("  ingress: {enabled: true, host: m%d.example.com, className: nginx}\n", i))
	}
	r, err := pipelines.Build(t.Context(), options)
	fleettest.MustPass(t, r, err)
	objects := syncAll(t, env, repo)

	kubeconfig, err := env.host.AdminKubeconfig()
	must(t, err)
	asked, err := host.Open(host.Options{Kubeconfig: kubeconfig, QPS: qps, Burst: burst})
	must(t, err)
	options.OpenHost = func(string) (*host.Host, error) { return asked, nil }
	before, start := requests(t, env), time.Now()
	r, err = pipelines.Drift(t.Context(), options, pipelines.DriftOptions{Live: true})
	elapsed, n := time.Since(start), requests(t, env)-before
	fleettest.MustPass(t, r, err)
	if n < 2*objects || n > 2*objects+100 {
		t.Errorf("%d requests for %d objects", n, objects)
	}
	if most := burst + qps*elapsed.Seconds(); float64(n) > most {
		t.Errorf("%d requests in %s; %d a second and %d at once allow %.0f", n, elapsed, qps, burst, most)
	}
	t.Logf("%d requests for %d objects of %d clusters in %s", n, objects, clusters, elapsed)
}

// syncAll applies a whole repository, and gives the number of its objects.
func syncAll(t *testing.T, env *environment, repo fleettest.Repo) int {
	t.Helper()
	objects := generated(t, repo)
	client := clientOf(t, env.host)
	a := applierOf(t, env.host)
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for _, o := range objects {
		if o.GetKind() == "Namespace" {
			group.Go(func() error { return createNamespace(ctx, client.CoreV1().Namespaces().Create, o.GetName()) })
		}
	}
	must(t, group.Wait())
	group, ctx = errgroup.WithContext(t.Context())
	group.SetLimit(16)
	apply.Order(objects)
	for _, o := range objects {
		group.Go(func() error {
			_, err := a.Object(ctx, o, "", false)
			return err
		})
	}
	must(t, group.Wait())
	serve(t, env, objects)
	return len(objects)
}

type create func(context.Context, *corev1.Namespace, metav1.CreateOptions) (*corev1.Namespace, error)

func createNamespace(ctx context.Context, create create, name string) error {
	_, err := create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// counted are the requests that the API server counts for objects; its own
// loops and the controller watch.
var counted = regexp.MustCompile(`(?m)^apiserver_request_total\{[^}]*verb="(?:GET|APPLY|PATCH|LIST)"[^}]*\} ([0-9.e+]+)$`)

// requests returns how many requests the API server has answered, by its own
// count.
func requests(t *testing.T, env *environment) int {
	t.Helper()
	data, err := clientOf(t, env.host).RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	must(t, err)
	total := 0.0
	for _, match := range counted.FindAllSubmatch(data, -1) {
		n, err := strconv.ParseFloat(string(match[1]), 64)
		must(t, err)
		total += n
	}
	return int(total)
}
