package pipelines_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/internal/realtool"
	"kasou/pipelines"
	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
	"kasou/pipelines/upgrade"
)

// chartRepository serves our own chart in the versions, packed and indexed by
// the helm command.
func chartRepository(t *testing.T, versions ...string) (url string, requests *int) {
	t.Helper()
	helm, dir := realtool.Build(t, "helm.sh/helm/v3/cmd/helm"), t.TempDir()
	run := func(args ...string) {
		c := exec.Command(helm, args...)
		c.Env = append(os.Environ(), "HOME="+t.TempDir())
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("helm %v: %v\n%s", args, err, out)
		}
	}
	for _, v := range versions {
		run("package", "../charts/vcluster", "--version", v, "-d", dir)
	}
	run("repo", "index", dir)
	requests = new(int)
	files := http.FileServer(http.Dir(dir))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*requests++
		files.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

func rules(r *report.Report) string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, string(f.Rule))
	}
	return strings.Join(all, " ")
}

func has(r *report.Report, rule finding.Rule) bool { return strings.Contains(rules(r), string(rule)) }

func TestLockUpgrade(t *testing.T) {
	ctx := context.Background()
	url, requests := chartRepository(t, "0.4.3", "0.4.4", "0.4.5-beta.1")
	repo := fleettest.New(t, "1.34.1")
	repo.Cluster(t, "one", "  chart: {repository: \""+url+"\", name: vcluster, version: 0.4.3} # pinned\n")
	options := repo.Options(t, tools(t))
	r, err := pipelines.Build(ctx, options)
	fleettest.MustPass(t, r, err)

	// With the cache warm, nothing is asked for.
	*requests = 0
	r, err = pipelines.Check(ctx, repo.Options(t, options.Toolchain))
	fleettest.MustPass(t, r, err)
	if *requests != 0 {
		t.Errorf("a check with a warm cache made %d requests", *requests)
	}

	before := snapshot(t, repo.Root)
	options.DryRun = true
	r, err = pipelines.Lock(ctx, options, true)
	fleettest.MustPass(t, r, err)
	if !has(r, chart.RuleNewer) || !strings.Contains(r.FleetDiff, "0.4.4") || snapshot(t, repo.Root) != before {
		fleettest.Print(t, r)
		t.Error("a dry run must say what is newer, show the edit, and write nothing")
	}

	options.DryRun = false
	r, err = pipelines.Lock(ctx, options, true)
	fleettest.MustPass(t, r, err)
	spec := string(repo.Read(t, "clusters/one/spec.yaml"))
	if !strings.Contains(spec, "version: 0.4.4} # pinned") {
		t.Errorf("the spec is now\n%s", spec)
	}
	lock, err := lockfile.Parse(repo.Read(t, "clusters/one/lock.yaml"))
	if err != nil || lock.Chart.Version != "0.4.4" {
		t.Errorf("lock %+v, %v", lock, err)
	}
	if r, err = pipelines.Check(ctx, options); err != nil || !has(r, tree.RuleStale) {
		t.Errorf("%v: the files must be stale now: %s", err, rules(r))
	}
	for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
		r, err = p(ctx, options)
		fleettest.MustPass(t, r, err)
	}
	if r, err = pipelines.Lock(ctx, options, true); err != nil || len(r.Findings) > 0 || r.Count(report.Unchanged) != 1 {
		t.Errorf("%v: nothing newer, but %s", err, rules(r))
	}
}

func TestLockUpgradeRefuses(t *testing.T) {
	ctx := context.Background()
	url, _ := chartRepository(t, "0.4.3", "0.4.4")
	chart := "{repository: \"" + url + "\", name: vcluster, version: "
	for _, test := range []struct {
		name, defaults, spec string
		names                []string
		want                 finding.Rule
	}{
		{"a version that others share, and no block", "  defaults: {chart: " + chart + "0.4.3}}\n", "  {}\n", []string{"one"}, upgrade.RuleVersionByHand},
		{"a version behind an alias", "", "  values: {x: &v 0.4.3}\n  chart: " + chart + "*v}\n", nil, upgrade.RuleVersionByHand},
	} {
		t.Run(test.name, func(t *testing.T) {
			repo := fleettest.New(t, "1.34.1")
			repo.Write(t, "clusters/fleet.yaml", append(repo.Read(t, "clusters/fleet.yaml"), test.defaults...))
			repo.Cluster(t, "one", test.spec)
			repo.Cluster(t, "two", "  chart: "+chart+"0.4.4}\n")
			if test.defaults != "" {
				repo.Cluster(t, "two", "  {}\n")
			}
			options := repo.Options(t, tools(t))
			options.Names = test.names
			before := snapshot(t, repo.Root)
			r, err := pipelines.Lock(ctx, options, true)
			if err != nil || !has(r, test.want) || !r.Failed() {
				t.Errorf("%v: want %s, got %s", err, test.want, rules(r))
			}
			if snapshot(t, repo.Root) != before {
				t.Error("something was written")
			}
		})
	}
}

// A cluster whose repository is down is unfinished and fails alone.
func TestAClusterFailsAlone(t *testing.T) {
	ctx := context.Background()
	url, _ := chartRepository(t, "0.4.3")
	down := httptest.NewServer(http.NotFoundHandler())
	down.Close()
	repo := fleettest.New(t, "1.34.1")
	repo.Cluster(t, "good", "  chart: {repository: \""+url+"\", name: vcluster, version: 0.4.3}\n")
	repo.Cluster(t, "unreachable", "  chart: {repository: \""+down.URL+"\", name: vcluster, version: 0.4.3}\n")
	repo.Cluster(t, "wrong", "  chart: {repository: \""+url+"\", name: vcluster, version: 0.4.9}\n")
	options := repo.Options(t, tools(t))
	r, err := pipelines.Build(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Unfinished) != 1 || r.Unfinished[0].Cluster != "unreachable" || !has(r, "chart-not-found") {
		fleettest.Print(t, r)
		t.Error("want one cluster unfinished, one with a finding")
	}
	if r.Count(report.Changed) != 1 || r.Count(report.Failed) != 2 {
		fleettest.Print(t, r)
		t.Error("the good cluster must be written, the others not")
	}
	repo.Read(t, "clusters/good/lock.yaml")
}
