package report

import (
	"strings"
	"testing"
)

// planReport has two like clusters, one that waits for nobody, and one to which
// nothing happens.
func planReport() *Report {
	jump := func(name string) []Transition {
		return []Transition{{Effect: "refused-by-vcluster", Change: "chart", From: "0.24.1", To: "0.36.1", Message: "the chart of " + name + ": the chart jumps", Hint: "Go to 0.25 first."}}
	}
	return &Report{Command: "check", Clusters: []Cluster{
		{Name: "a", Status: Failed, Steps: jump("a")},
		{Name: "b", Status: Failed, Steps: jump("b")},
		{Name: "c", Status: Changed, Steps: []Transition{{Effect: "restart", Change: "store", Message: "pods restart", Accepted: true}}},
		{Name: "d", Status: Unchanged},
	}}
}

func TestSummaryHasThePlan(t *testing.T) {
	text := Issue(planReport(), Options{}, summarySize)
	want := "### What it does\n\n```text\n2 clusters (a, b):\n  refused-by-vcluster   the chart of NAME: the chart jumps\nc:\n  restart (accepted)    pods restart\n"
	if !strings.Contains(text, want) || strings.Index(text, "What it does") > strings.Index(text, "| cluster |") {
		t.Errorf("%s\nwant %s", text, want)
	}
	if text := Issue(example(), Options{}, summarySize); strings.Contains(text, "What it does") {
		t.Error("nothing happens to a cluster, and there is a plan")
	}
	if got := summaryPlan(planReport(), 60); got != "" {
		t.Errorf("no room, and it says %q", got)
	}
	r := planReport()
	r.Clusters[2].Steps[0].Message = strings.Repeat("a step\n", planSize)
	if got := summaryPlan(r, summarySize); len(got) > planSize || !strings.Contains(got, "Cut here") {
		t.Errorf("%d bytes", len(got))
	}
}

// A cluster with errors is not one to which nothing happens.
func TestAClusterOfWhichNothingIsKnown(t *testing.T) {
	r := planReport()
	r.Clusters = append(r.Clusters, Cluster{Name: "e", Status: Failed}, Cluster{Name: "f", Status: Failed})
	groups := r.Planned()
	if len(groups) != 4 || groups[0].Title() != "2 clusters (e, f)" || groups[0].Steps[0] != unjudged || groups[3].Title() != "d" {
		t.Errorf("%v", groups)
	}
	if text := Issue(r, Options{}, summarySize); !strings.Contains(text, "2 clusters (e, f):\n  unknown ") {
		t.Error(text)
	}
}
