package pipelines_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/workspace"
)

func rangesJSON(cidr string) string {
	return fmt.Sprintf(`{"kind":"ServiceCIDRList","apiVersion":"networking.k8s.io/v1","metadata":{},"items":[
		{"metadata":{"name":"kubernetes"},"spec":{"cidrs":[%q]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]}`, cidr)
}

// The host is asked once; what it said stays, and another answer is told.
func TestServiceCIDRAuto(t *testing.T) {
	const ranges = "/apis/networking.k8s.io/v1/servicecidrs"
	ctx := context.Background()
	repo := example(t)
	repo.Cluster(t, "one", "  serviceCIDR: auto\n  ingress: {enabled: true, host: one.example.com}\n")
	k := fleettest.NewKubeconfig(t)
	answers := map[string]string{
		ranges:                                  rangesJSON("10.7.0.0/16"),
		"/api/v1/namespaces/one/secrets/vc-one": secretJSON("vc-one", "config", string(k.Data)),
	}
	options := repo.Options(t, tools(t))
	options.OpenHost = hostOf(t, repo, answers)
	r, err := pipelines.Build(ctx, options)
	fleettest.MustPass(t, r, err)
	lock, err := lockfile.Parse(repo.Read(t, "clusters/one/lock.yaml"))
	if err != nil || lock.Host.ServiceCIDR != "10.7.0.0/16" || !strings.Contains(string(repo.Read(t, "clusters/one/values.yaml")), "--service-cidr=10.7.0.0/16") {
		t.Fatalf("%v, lock %+v", err, lock)
	}

	r, err = pipelines.Register(ctx, options, pipelines.Registration{})
	fleettest.MustPass(t, r, err)

	answers[ranges] = rangesJSON("10.8.0.0/16")
	before := snapshot(t, repo.Root)
	r, err = pipelines.Register(ctx, options, pipelines.Registration{})
	if err != nil || !r.Failed() || !has(r, workspace.RuleServiceCIDRMoved) {
		t.Errorf("%v: another range must be told, found %s", err, rules(r))
	}
	r, err = pipelines.Build(ctx, options)
	fleettest.MustPass(t, r, err)
	if snapshot(t, repo.Root) != before {
		t.Error("another range changed something silently")
	}
}
