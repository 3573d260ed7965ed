package report

import (
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

func TestComment(t *testing.T) {
	r := planReport()
	r.Clusters[2].Changes = []Change{{Path: "clusters/c/values.yaml", Kind: "update"}}
	r.Clusters[2].Diff = "-a\n+b\n"
	r.Findings = finding.List{
		{Cluster: "c", Rule: PlanRule, Severity: finding.Warning, Message: "told by the plan"},
		{Cluster: "a", Rule: "plan-refused", Severity: finding.Error, Message: "the chart jumps", Hint: "Go to 0.25 first."},
	}
	text, quiet := Comment(r, Options{}, 60_000)
	last := -1
	for _, want := range []string{"## kasou check: failed", "### What it does", "2 clusters (a, b)", "| 2 clusters: `a`, `b` | failed |", "### Findings", "Go to 0.25 first.", "<code>c</code>: 1 file updated", "+b"} {
		at := strings.Index(text, want)
		if at <= last {
			t.Errorf("%q is not there, or not in its place:\n%s", want, text)
		}
		last = at
	}
	if quiet || strings.Contains(text, "told by the plan") {
		t.Errorf("quiet %v, or told twice:\n%s", quiet, text)
	}
	still := &Report{Command: "check", Clusters: []Cluster{{Name: "a", Status: Unchanged}}}
	if text, quiet = Comment(still, Options{}, 60_000); !quiet || !strings.Contains(text, "Nothing that is deployed changes.") {
		t.Errorf("quiet %v:\n%s", quiet, text)
	}
	for _, room := range []int{4_000, 60_000} {
		if text, _ = Comment(bigFleet(2_000, 40), Options{}, room); len(text) > room+summaryRows*120 {
			t.Errorf("%d bytes in a room of %d", len(text), room)
		}
	}
}
