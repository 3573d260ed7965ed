package pipelines_test

import (
	"slices"
	"strings"
	"testing"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/baseline"
	"kasou/pipelines/finding"
	"kasou/pipelines/report"
	"kasou/pipelines/trust"
)

// A note or warning is left out where the fleet says so, an error never, and a
// silence that hits nothing is found.
func TestSilence(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	has := func(p pipelines.Pipeline, rule finding.Rule) bool {
		t.Helper()
		r := pipe(t, p, options)
		for _, f := range r.Findings {
			if f.Rule == rule {
				return true
			}
		}
		return false
	}
	plain := string(repo.Read(t, "clusters/fleet.yaml"))
	silence := func(text string) { repo.Write(t, "clusters/fleet.yaml", []byte(plain+"  silence: "+text+"\n")) }
	repo.Write(t, "clusters/one/spec.yaml", append(repo.Read(t, "clusters/one/spec.yaml"), "  accept: [{change: chart, from: a, to: b}]\n"...))
	for _, p := range []pipelines.Pipeline{pipelines.Build, pipelines.Check} {
		silence("[{rule: render-lookup, reason: a}]")
		if !has(p, baseline.RuleUnusedAccept) || !has(p, pipelines.RuleUnusedSilence) {
			t.Error("without a silence of its rule the warning is gone")
		}
		silence("[{rule: plan-unused-accept, reason: it is merged on Monday}]")
		if has(p, baseline.RuleUnusedAccept) || has(p, pipelines.RuleUnusedSilence) {
			t.Error("it is not silenced")
		}
		silence("[{rule: plan-unused-accept, reason: a, clusters: [two]}]")
		if !has(p, baseline.RuleUnusedAccept) {
			t.Error("another cluster's silence hides it")
		}
	}
	// A plan says no more than the build that it stands for, and calls no silence unused: it
	// does not look for all.
	repo.Commit(t)
	if !has(pipelines.Plan, baseline.RuleUnusedAccept) {
		t.Error("a plan has no warning to silence")
	}
	silence("[{rule: plan-unused-accept, reason: it is merged on Monday}, {rule: render-lookup, reason: a}]")
	if has(pipelines.Plan, baseline.RuleUnusedAccept) || has(pipelines.Plan, pipelines.RuleUnusedSilence) {
		t.Error("a plan is not silenced")
	}
	silence("[{rule: tree-stale, reason: a}]")
	repo.Write(t, "clusters/one/values.yaml", []byte("a: b\n"))
	if r := pipe(t, pipelines.Check, options); !r.Failed() {
		fleettest.Print(t, r)
		t.Error("an error is silenced")
	}
	options.Names = []string{"one"}
	if r := pipe(t, pipelines.Check, options); r.Count(report.Changed) == 1 && has(pipelines.Check, pipelines.RuleUnusedSilence) {
		t.Error("a run on one cluster says that a silence of the fleet is unused")
	}
}

// What a commit does to a cluster that runs is told whatever the same commit silences.
func TestNoCommitSilencesItsOwnStep(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	repo.Commit(t)
	repo.Write(t, "clusters/one/spec.yaml", append(repo.Read(t, "clusters/one/spec.yaml"), "  argocd: {automated: false}\n"...))
	fleet := string(repo.Read(t, "clusters/fleet.yaml"))
	repo.Write(t, "clusters/fleet.yaml", []byte(fleet+"  silence: [{rule: plan-step, reason: noise}]\n"))
	found(t, pipe(t, pipelines.Plan, options), baseline.RuleStep, finding.Warning)
	for _, p := range []pipelines.Pipeline{pipelines.Check, pipelines.Build} {
		r := pipe(t, p, options)
		found(t, r, baseline.RuleStep, finding.Warning)
		found(t, r, pipelines.RuleUnusedSilence, finding.Error)
	}
}

// What is found in the commit alone that makes a change, no commit silences for itself.
func TestWhatNothingSilences(t *testing.T) {
	repo := example(t, "one")
	options := built(t, repo)
	plain := string(repo.Read(t, "clusters/fleet.yaml"))
	for _, rule := range []finding.Rule{
		trust.RuleNewPublicKey, trust.RuleNewCertificate, trust.RuleNewTool, trust.RuleNewSource, trust.RuleUnsigned, trust.RuleRollback,
		baseline.RuleFleet, baseline.RuleStep,
	} {
		repo.Write(t, "clusters/fleet.yaml", []byte(plain+"  silence: [{rule: "+string(rule)+", reason: a}]\n"))
		r := pipe(t, pipelines.Check, options)
		if !slices.ContainsFunc(r.Findings, func(f finding.Finding) bool {
			return f.Rule == pipelines.RuleUnusedSilence && f.Severity == finding.Error && strings.Contains(f.Message, string(rule))
		}) {
			fleettest.Print(t, r)
			t.Errorf("%s can be silenced", rule)
		}
	}
}
