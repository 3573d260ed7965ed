package pipelines_test

import (
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
)

// As a person uses classes: each value says where it comes from, and a change of a
// class is planned for the clusters that have it, at its place.
func TestClasses(t *testing.T) {
	repo := fleettest.New(t, "1.34.1")
	repo.Copy(t, "charts/c.tgz", upstream.Chart(t, "vcluster-0.30.0"))
	fleet := string(repo.Read(t, "clusters/fleet.yaml"))
	classes := func(replicas string) {
		repo.Write(t, "clusters/fleet.yaml", []byte(fleet+`  defaults: {chart: {path: charts/c.tgz}, values: {controlPlane: {coredns: {enabled: true}}}}
  classes:
    small:
      values: {controlPlane: {statefulSet: {highAvailability: {replicas: `+replicas+`}}}}
    prod: {extends: small, values: {controlPlane: {statefulSet: {labels: {tier: high}}}}}
`))
	}
	classes("1")
	repo.Cluster(t, "one", "  class: prod\n  values: {sync: {toHost: {ingresses: {enabled: true}}}}\n")
	repo.Cluster(t, "two", "  serviceCIDR: 10.96.0.0/16\n")
	options := repo.Options(t, tools(t))
	options.Names = []string{"one"}
	text, findings, err := pipelines.Values(t.Context(), options, pipelines.ValuesOptions{Origin: true})
	if err != nil || findings.Failed() {
		t.Fatal(findings, err)
	}
	for _, line := range []string{
		"replicas: 1 # clusters/fleet.yaml:10, class small",
		"tier: high # clusters/fleet.yaml:11, class prod",
		"enabled: true # clusters/fleet.yaml:7, the defaults",
		"enabled: true # clusters/one/spec.yaml:6",
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	options.Names = nil
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	classes("3")
	r := pipe(t, pipelines.Plan, options)
	if effects(r, "one") == "" || effects(r, "two") != "" {
		fleettest.Print(t, r)
		t.Error("the class' change is not planned for its clusters alone")
	}
	for _, f := range r.Findings {
		if f.Cluster == "one" && f.File == "clusters/fleet.yaml" && f.Line == 10 {
			return
		}
	}
	t.Errorf("no finding at the class: %v", r.Findings)
}
