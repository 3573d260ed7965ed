package pipelines_test

import (
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/upstream"
	"kasou/pipelines"
	"kasou/pipelines/toolchain"
)

// The move to Helm 4: kasou plan --helm 4 says what it changes and writes nothing, and
// a build with helm: 4 in fleet.yaml does that, and is followed by check.
func TestTheMoveToHelm4(t *testing.T) {
	repo := fleettest.New(t, "1.34.1")
	repo.Copy(t, "charts/old.tgz", upstream.Chart(t, "vcluster-0.4.3"))
	repo.Copy(t, "charts/new.tgz", upstream.Chart(t, "vcluster-0.36.1"))
	repo.Cluster(t, "old", "  chart: {path: charts/old.tgz}\n")
	repo.Cluster(t, "new", "  chart: {path: charts/new.tgz}\n")
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	before := snapshot(t, repo.Root)

	plan := options
	plan.Helm = toolchain.Helm4
	r := pipe(t, pipelines.Plan, plan)
	fleettest.MustPass(t, r, nil)
	if groups := r.Planned(); len(groups) != 1 || !groups[0].BytesAlone || len(groups[0].Names) != 2 || snapshot(t, repo.Root) != before {
		t.Errorf("%+v", groups)
	}
	if plan.Helm = 3; pipe(t, pipelines.Plan, plan).Planned()[0].BytesAlone {
		t.Error("Helm 3 changes what Helm 3 rendered")
	}

	fleet := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(fleet, "spec:\n", "spec:\n  helm: 4\n", 1)))
	if !pipe(t, pipelines.Check, options).Failed() {
		t.Error("a check does not see that Helm is another")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	fleettest.MustPass(t, pipe(t, pipelines.Check, options), nil)
	repo.Write(t, "clusters/fleet.yaml", []byte(strings.Replace(fleet, "spec:\n", "spec:\n  helm: 5\n", 1)))
	if r := pipe(t, pipelines.Check, options); !r.Findings.Failed() || !strings.Contains(r.Findings[0].String(), "fleet.yaml:4:") {
		t.Errorf("helm: 5 gives %v", r.Findings)
	}
}
