package pipelines_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"kasou/pipelines/finding"
	"kasou/pipelines/report"
)

// seedsVariable holds the seeds of a longer run, as FROM-TO: the tests that take seeds run
// those in place of their own few.
const seedsVariable = "KASOU_TEST_SEEDS"

// forSeeds runs the test for each of the first few seeds, or for those that the environment
// names, until the test fails.
func forSeeds(t *testing.T, few uint64, test func(t *testing.T, p person)) {
	t.Helper()
	from, to := uint64(0), few
	if given := os.Getenv(seedsVariable); given != "" {
		if _, err := fmt.Sscanf(given, "%d-%d", &from, &to); err != nil {
			t.Fatalf("%s=%q: it is FROM-TO", seedsVariable, given)
		}
	}
	for seed := from; seed < to; seed++ {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			test(t, person{Rand: rand.New(rand.NewPCG(seed, 0))})
		})
	}
}

// errorsOf returns the errors of a report, each on a line, and fails where one has no place.
func errorsOf(t *testing.T, r *report.Report) []string {
	t.Helper()
	var all []string
	for _, f := range r.Findings {
		if f.Severity != finding.Error {
			continue
		}
		all = append(all, f.String())
		if f.File == "" || f.Message == "" {
			t.Errorf("it has no place, or says nothing: %s", f)
		}
		if written := slices.Contains([]string{"fleet.yaml", "spec.yaml"}, path.Base(f.File)) || strings.Contains(f.File, "/extra/"); written && f.Line == 0 && !wholeFile(f) {
			t.Errorf("it has no line: %s", f)
		}
	}
	for _, u := range r.Unfinished {
		t.Errorf("it is not finished: %+v", u)
	}
	slices.Sort(all)
	return all
}

// wholeFile reports whether a finding is about a file as a whole.
func wholeFile(f finding.Finding) bool {
	switch f.Rule {
	case "fleet-missing-spec", "fleet-missing-file", "fleet-encoding", "extra-file", "tree-not-built", "tree-stale", "tree-unknown-file":
		return true
	}
	return false
}
