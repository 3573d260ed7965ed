package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

// Three hundred clusters with one note each are told once, with three names; what
// differs in more than the cluster's name, and each error, stands alone.
func TestLikeIsToldOnce(t *testing.T) {
	r := &Report{Command: "check"}
	for i := range 300 {
		name := fmt.Sprintf("team-%03d", i)
		r.Clusters = append(r.Clusters, Cluster{Name: name, Status: Unchanged})
		r.Findings = append(r.Findings,
			finding.Finding{File: "clusters/" + name + "/spec.yaml", Line: 5, Cluster: name, Rule: "render-lookup", Severity: finding.Note, Message: "the chart of " + name + " calls lookup", Hint: "Set a value."},
			finding.Finding{Cluster: name, Rule: "nothing", Severity: finding.Note, Message: "all is well"})
	}
	r.Findings = append(r.Findings,
		finding.Finding{Cluster: "team-001", Rule: "broken", Severity: finding.Error, Message: "it is broken"},
		finding.Finding{Cluster: "team-002", Rule: "broken", Severity: finding.Error, Message: "it is broken"})
	var got bytes.Buffer
	if err := Write(&got, r, Options{}); err != nil {
		t.Fatal(err)
	}
	want := `clusters/team-000/spec.yaml:5: note: the chart of NAME calls lookup [render-lookup] (300 clusters (team-000, team-001, team-002 and 297 more))
  Set a value.
error: it is broken [broken]
error: it is broken [broken]
300 notes ask for nothing: -v shows them
300 clusters: 300 unchanged
`
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
	got.Reset()
	if err := Write(&got, r, Options{Verbose: true}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), "note: all is well [nothing] (300 clusters") {
		t.Errorf("with -v:\n%s", got.String())
	}
}

// A name is replaced as a word, and where charts append to it.
func TestReplaceName(t *testing.T) {
	for text, want := range map[string]string{
		"StatefulSet a restarts": "StatefulSet NAME restarts", "vc-config-a": "vc-config-NAME", "a-headless": "NAME-headless",
		"a": "NAME", "banana": "banana", "ba a ab": "ba NAME ab", "": "", "https://a.example.com": "https://NAME.example.com",
	} {
		if got := replaceName(text, "a"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
