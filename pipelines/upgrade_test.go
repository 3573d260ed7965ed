package pipelines_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/baseline"
	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/report"
	"kasou/pipelines/upgrade"
)

// minors are the releases between those at hand: 0.25 to 0.36.
var minors = []string{"0.25.0=0.24.1", "0.25.2=0.24.1", "0.26.0=0.24.1", "0.27.0=0.30.0", "0.28.0=0.30.0", "0.29.0=0.30.0", "0.31.0=0.30.0", "0.32.0=0.30.0", "0.33.0=0.36.1", "0.34.0=0.36.1", "0.35.0=0.36.1"}

func released(t *testing.T, repo fleettest.Repo, url, name, version, more string) {
	t.Helper()
	repo.Cluster(t, name, "  chart: {repository: \""+url+"\", name: vcluster, version: "+version+"}\n  server: https://"+name+".example.com\n"+more)
}

func upgradeBy(t *testing.T, o pipelines.Options, u pipelines.UpgradeOptions) *report.Report {
	t.Helper()
	r, err := pipelines.Upgrade(t.Context(), o, u)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// hop returns FROM>TO of a cluster, or FROM: why it stays.
func hop(t *testing.T, r *report.Report, cluster string) string {
	t.Helper()
	for _, u := range r.Upgrades {
		switch {
		case u.Cluster == cluster && u.To != "":
			return u.From + ">" + u.To
		case u.Cluster == cluster:
			return u.From + ": " + u.Why
		}
	}
	return ""
}

func version(t *testing.T, repo fleettest.Repo, file string) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(repo.Read(t, file)), "version: ")
	return rest[:strings.IndexAny(rest, "}\n")]
}

// As a person does it: a jump by hand is refused, kasou upgrade makes the hop that is
// allowed, and the next one comes after the commit.
func TestUpgradeGoesHopByHop(t *testing.T) {
	url := fleettest.Releases(t, minors...)
	repo := fleettest.New(t, "1.34.1")
	released(t, repo, url, "one", "0.24.1", "")
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)

	released(t, repo, url, "one", "0.36.1", "")
	found(t, pipe(t, pipelines.Build, options), baseline.RuleRefused, finding.Error)
	before := snapshot(t, repo.Root)
	dry := options
	dry.DryRun = true
	r := upgradeBy(t, dry, pipelines.UpgradeOptions{})
	if fleettest.MustPass(t, r, nil); hop(t, r, "one") != "0.24.1>0.25.2" || snapshot(t, repo.Root) != before {
		fleettest.Print(t, r)
		t.Error("a dry run shows the hop and writes nothing")
	}
	r = upgradeBy(t, options, pipelines.UpgradeOptions{})
	fleettest.MustPass(t, r, nil)
	if line := r.Upgrades[0].Line(); line != "vcluster 0.24.1 -> 0.25.2 -> 0.26.0 -> … -> 0.36.1, 12 hops; this is the first" {
		t.Error(line)
	}
	if !has(r, chart.RuleNewer) || version(t, repo, "clusters/one/spec.yaml") != "0.25.2" {
		t.Errorf("%s\n%s", rules(r), repo.Read(t, "clusters/one/spec.yaml"))
	}
	if r = upgradeBy(t, options, pipelines.UpgradeOptions{}); hop(t, r, "one") != "0.24.1: 0.25.2 is written, and not committed yet" {
		t.Error(hop(t, r, "one"))
	}
	r = pipe(t, pipelines.Build, options)
	fleettest.MustPass(t, r, nil)
	repo.Commit(t)
	if r = upgradeBy(t, options, pipelines.UpgradeOptions{To: "0.26.0"}); hop(t, r, "one") != "0.25.2>0.26.0" || len(r.Upgrades[0].Way) != 1 {
		fleettest.Print(t, r)
	}
	for to, want := range map[string]string{"0.26.7": "vcluster has no release 0.26.7; the newest is 0.36.1", "0.24.1": "does not support a downgrade"} {
		r = upgradeBy(t, options, pipelines.UpgradeOptions{To: to})
		found(t, r, upgrade.RuleUpgradeTo, finding.Error)
		if !strings.Contains(r.Findings[0].Message, want) {
			t.Errorf("to %s: %s", to, r.Findings[0].Message)
		}
	}
}

// kasou lock --upgrade goes the same way, and k3s stops before 0.33.
func TestUpgradeStopsBeforeWhatBreaks(t *testing.T) {
	url := fleettest.Releases(t, minors...)
	repo := fleettest.New(t, "1.34.1")
	released(t, repo, url, "k3s", "0.31.0", "  values: {controlPlane: {distro: {k3s: {enabled: true}}}}\n")
	released(t, repo, url, "old", "0.19.7", "")
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	r, err := pipelines.Lock(t.Context(), options, true)
	fleettest.MustPass(t, r, err)
	found(t, r, upgrade.RuleUpgradeStops, finding.Warning)
	if hop(t, r, "k3s") != "0.31.0>0.32.0" || hop(t, r, "old") != "0.19.7>0.20.4" {
		fleettest.Print(t, r)
		t.Errorf("k3s %q, old %q", hop(t, r, "k3s"), hop(t, r, "old"))
	}
	if lock, err := lockfile.Parse(repo.Read(t, "clusters/old/lock.yaml")); err != nil || lock.Chart.Version != "0.20.4" {
		t.Errorf("%+v, %v", lock, err)
	}
	repo.Commit(t)
	r = upgradeBy(t, options, pipelines.UpgradeOptions{})
	if hop(t, r, "k3s") != "0.32.0: k3s is gone from 0.33 on" || hop(t, r, "old") != "0.20.4: vcluster 0.36.1 is there, and no 0.21 on the way to it" {
		fleettest.Print(t, r)
		t.Errorf("k3s %q, old %q", hop(t, r, "k3s"), hop(t, r, "old"))
	}
}

// A version that clusters share moves where it stands as long as all go together;
// one that moves alone gets its own.
func TestUpgradeOfASharedVersion(t *testing.T) {
	url := fleettest.Releases(t, minors...)
	repo := fleettest.New(t, "1.34.1")
	repo.Write(t, "clusters/fleet.yaml", append(repo.Read(t, "clusters/fleet.yaml"), "  defaults: {chart: {repository: \""+url+"\", name: vcluster, version: 0.24.1}}\n"...))
	for _, name := range []string{"one", "two"} {
		repo.Cluster(t, name, "  server: https://"+name+".example.com\n")
	}
	repo.Cluster(t, "leaves", "  server: https://leaves.example.com\n  chart: {version: 0.24.1}\n  retire: true\n")
	repo.Cluster(t, "local", "  server: https://local.example.com\n  chart: {path: charts/vcluster}\n")
	if err := os.CopyFS(filepath.Join(repo.Root, "charts"), os.DirFS("../charts")); err != nil {
		t.Fatal(err)
	}
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	named := options
	named.Names = []string{"one", "leaves", "local"}
	r := upgradeBy(t, named, pipelines.UpgradeOptions{})
	fleettest.MustPass(t, r, nil)
	if version(t, repo, "clusters/one/spec.yaml") != "0.25.2" || version(t, repo, "clusters/fleet.yaml") != "0.24.1" {
		t.Errorf("%s%s", repo.Read(t, "clusters/one/spec.yaml"), repo.Read(t, "clusters/fleet.yaml"))
	}
	if hop(t, r, "leaves") != ": it retires" || !strings.Contains(hop(t, r, "local"), "stands in the repository") {
		t.Errorf("leaves: %q, local: %q", hop(t, r, "leaves"), hop(t, r, "local"))
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	fleettest.MustPass(t, upgradeBy(t, options, pipelines.UpgradeOptions{}), nil)
	if version(t, repo, "clusters/one/spec.yaml") != "0.26.0" || version(t, repo, "clusters/fleet.yaml") != "0.25.2" {
		t.Errorf("%s%s", repo.Read(t, "clusters/one/spec.yaml"), repo.Read(t, "clusters/fleet.yaml"))
	}
}

// The ring before has to be on the version, and for as long as it soaks: by the
// commits, not by what is on disk.
func TestRingsOpenByGitsDates(t *testing.T) {
	url := fleettest.Releases(t, minors...)
	repo := fleettest.New(t, "1.34.1")
	repo.Write(t, "clusters/fleet.yaml", append(repo.Read(t, "clusters/fleet.yaml"),
		"  rings: [{name: canary, clusters: ['dev-*']}, {name: few, clusters: [none]}, {name: rest, soak: 72h}]\n"...))
	for _, name := range []string{"dev-a", "dev-b", "prod"} {
		released(t, repo, url, name, "0.24.1", "")
	}
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	t.Setenv("GIT_COMMITTER_DATE", "2026-11-01T00:00:00Z")
	repo.Commit(t)

	now := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	r := upgradeBy(t, options, pipelines.UpgradeOptions{Now: now})
	fleettest.MustPass(t, r, nil)
	if hop(t, r, "dev-a") != "0.24.1>0.25.2" || hop(t, r, "prod") != "0.24.1: closed: ring canary: dev-a is on 0.24.1, not on 0.25.2" {
		fleettest.Print(t, r)
		t.Error("the first ring moves, the other waits")
	}
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	if r = upgradeBy(t, options, pipelines.UpgradeOptions{Ring: "rest", Now: now}); !strings.Contains(hop(t, r, "prod"), "dev-a is on 0.24.1") {
		t.Error("what is not committed counts: " + hop(t, r, "prod"))
	}
	found(t, r, upgrade.RuleRingClosed, finding.Error)
	t.Setenv("GIT_COMMITTER_DATE", "2026-11-03T00:00:00Z")
	repo.Commit(t)

	// A later change of another kind does not start the soak again.
	released(t, repo, url, "dev-b", "0.25.2", "  values: {controlPlane: {statefulSet: {labels: {a: b}}}}\n")
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	t.Setenv("GIT_COMMITTER_DATE", "2026-11-05T00:00:00Z")
	repo.Commit(t)
	r = upgradeBy(t, options, pipelines.UpgradeOptions{Ring: "rest", Now: now.Add(71 * time.Hour)})
	if want := "0.24.1: closed: ring canary: dev-a is on 0.25.2 since 2026-11-03 00:00 UTC: it has to be for 72h, until 2026-11-06 00:00 UTC"; hop(t, r, "prod") != want {
		t.Errorf("%s\nwant %s", hop(t, r, "prod"), want)
	}
	open := pipelines.UpgradeOptions{Ring: "rest", Now: now.Add(72 * time.Hour)}
	dry := options
	dry.DryRun = true
	if r = upgradeBy(t, dry, open); hop(t, r, "prod") != "0.24.1>0.25.2" || hop(t, r, "dev-a") != "" {
		fleettest.Print(t, r)
		t.Error("the ring is open, and alone")
	}
	// No host can be asked here: unknown is not fine.
	open.Live = true
	if r = upgradeBy(t, dry, open); !strings.Contains(hop(t, r, "prod"), "may not be healthy") {
		t.Error(hop(t, r, "prod"))
	}
	// A person's word goes before the rings.
	named := dry
	named.Names = []string{"prod"}
	if r = upgradeBy(t, named, pipelines.UpgradeOptions{Now: now}); hop(t, r, "prod") != "0.24.1>0.25.2" {
		t.Error(hop(t, r, "prod"))
	}
	if _, err := pipelines.Upgrade(t.Context(), dry, pipelines.UpgradeOptions{Ring: "none"}); err == nil {
		t.Error("a ring that is not there")
	}
}

// Beside a change of fleet.yaml that is refused, no hop is written: no build could follow it.
func TestNoUpgradeBesideARefusedFleet(t *testing.T) {
	url := fleettest.Releases(t, minors...)
	repo := fleettest.New(t, "1.34.1")
	released(t, repo, url, "one", "0.24.1", "")
	options := repo.Options(t, tools(t))
	fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
	repo.Commit(t)
	fleet := repo.Read(t, "clusters/fleet.yaml")
	repo.Write(t, "clusters/fleet.yaml", bytes.Replace(fleet, []byte("platform.git"), []byte("other.git"), 1))
	before := snapshot(t, repo.Root)
	for _, p := range []pipelines.Pipeline{
		func(_ context.Context, o pipelines.Options) (*report.Report, error) {
			return upgradeBy(t, o, pipelines.UpgradeOptions{}), nil
		},
		func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
			return pipelines.Lock(ctx, o, true)
		},
	} {
		r := pipe(t, p, options)
		found(t, r, baseline.RuleRefused, finding.Error)
		found(t, r, upgrade.RuleUpgradeStops, finding.Warning)
		if snapshot(t, repo.Root) != before || len(r.Upgrades) > 0 {
			fleettest.Print(t, r)
			t.Error("a hop is written")
		}
	}
	repo.Write(t, "clusters/fleet.yaml", fleet)
	if r := upgradeBy(t, options, pipelines.UpgradeOptions{}); hop(t, r, "one") != "0.24.1>0.25.2" {
		t.Error("without the change nothing moves either")
	}
}
