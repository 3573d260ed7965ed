package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

// Three hundred clusters with one note each are told once, with three names; what
// differs in more than the cluster's name, and each error at another place, stands alone.
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
		finding.Finding{Cluster: "team-002", Rule: "broken", Severity: finding.Error, Message: "it is broken"},
		finding.Finding{File: "a.yaml", Line: 1, Cluster: "team-001", Rule: "broken", Severity: finding.Error, Message: "it is broken"},
		finding.Finding{File: "b.yaml", Line: 1, Cluster: "team-002", Rule: "broken", Severity: finding.Error, Message: "it is broken"},
		finding.Finding{File: "b.yaml", Line: 1, Cluster: "team-003", Rule: "broken", Severity: finding.Error, Message: "it is broken"},
		finding.Finding{File: "clusters/team-001/x", Cluster: "team-001", Rule: "stray", Severity: finding.Error, Message: "who wrote it"},
		finding.Finding{File: "clusters/team-001/y", Cluster: "team-001", Rule: "stray", Severity: finding.Error, Message: "who wrote it"},
		finding.Finding{File: "clusters/team-002/y", Cluster: "team-002", Rule: "stray", Severity: finding.Error, Message: "who wrote it"},
		finding.Finding{File: "clusters/team-001/x", Line: 3, Cluster: "team-001", Rule: "old", Severity: finding.Warning, Message: "it is old"},
		finding.Finding{File: "clusters/team-002/x", Line: 4, Cluster: "team-002", Rule: "old", Severity: finding.Warning, Message: "it is old"},
		finding.Finding{File: "clusters/team-001/x", Line: 9, Cluster: "team-001", Rule: "old", Severity: finding.Warning, Message: "it is old"},
		finding.Finding{File: "clusters/team-001/x", Line: 9, Cluster: "team-001", Rule: "old", Severity: finding.Warning, Message: "it is old"})
	var got bytes.Buffer
	if err := Write(&got, r, Options{}); err != nil {
		t.Fatal(err)
	}
	want := `clusters/team-000/spec.yaml:5: note: the chart of NAME calls lookup [render-lookup] (300 clusters: team-000, team-001, team-002 and 297 more)
  Set a value.
error: it is broken [broken] (2 clusters: team-001, team-002)
a.yaml:1: error: it is broken [broken]
b.yaml:1: error: it is broken [broken] (2 clusters: team-002, team-003)
clusters/team-001/x: error: who wrote it [stray]
clusters/team-001/y: error: who wrote it [stray] (2 clusters: team-001, team-002)
clusters/team-001/x:3: warning: it is old [old] (2 clusters: team-001, team-002)
clusters/team-001/x:9: warning: it is old [old]
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
	if n := strings.Count(got.String(), "note: all is well [nothing]\n"); n != 300 {
		t.Errorf("with -v there are %d of 300:\n%s", n, got.String())
	}
}

// What files of one cluster want alike stands once, below the last of them.
func TestAHintOfSeveralFilesStandsOnce(t *testing.T) {
	r := &Report{Command: "check"}
	for _, file := range []string{"a", "b", "c"} {
		r.Findings = append(r.Findings, finding.Finding{File: file, Cluster: "one", Rule: "gone", Severity: finding.Error, Message: "it is gone", Hint: "Build."})
	}
	r.Findings = append(r.Findings, finding.Finding{File: "d", Cluster: "one", Rule: "gone", Severity: finding.Error, Message: "it is gone", Hint: "Look."})
	for _, verbose := range []bool{false, true} {
		var got bytes.Buffer
		if err := Write(&got, r, Options{Verbose: verbose}); err != nil {
			t.Fatal(err)
		}
		want := `a: error: it is gone [gone]
b: error: it is gone [gone]
c: error: it is gone [gone]
  Build.
d: error: it is gone [gone]
  Look.
`
		if got.String() != want {
			t.Errorf("got\n%s\nwant\n%s", got.String(), want)
		}
	}
}

// A line that the build has mended is not shown as the one at fault; in a dry run it is.
func TestAMendedLineIsNotShown(t *testing.T) {
	for _, dry := range []bool{false, true} {
		r := &Report{Command: "build", DryRun: dry,
			Clusters: []Cluster{{Name: "one", Status: Changed, Changes: []Change{{Path: "a.yaml", Kind: "update"}}}},
			Findings: finding.List{{File: "a.yaml", Line: 1, Column: 1, Cluster: "one", Rule: "edited", Severity: finding.Warning, Message: "it was edited"}},
		}
		var got bytes.Buffer
		if err := Write(&got, r, Options{Source: func(string) ([]byte, error) { return []byte("the line"), nil }}); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(got.String(), "the line") != dry {
			t.Errorf("dry run %v:\n%s", dry, got.String())
		}
	}
}

// What changes alike is shown once, with three names; with -v, and byte for byte, each
// cluster stands alone.
func TestChangedAlikeIsShownOnce(t *testing.T) {
	r := &Report{Command: "build", DryRun: true, FleetDiff: "clusters/fleet.yaml\n- a: 1\n"}
	for i := range 5 {
		name := fmt.Sprintf("team-%d", i)
		c := Cluster{Name: name, Status: Changed, Diff: "clusters/" + name + "/values.yaml\n- host: " + name + ".old\n+ host: " + name + ".new\n"}
		if i == 4 {
			c.Diff = "clusters/" + name + "/values.yaml\n- host: team-0.old\n"
		}
		r.Clusters = append(r.Clusters, c)
	}
	want := `clusters/fleet.yaml
- a: 1
4 clusters (team-0, team-1, team-2 and 1 more):
clusters/NAME/values.yaml
- host: NAME.old
+ host: NAME.new
team-4:
clusters/team-4/values.yaml
- host: team-0.old
5 clusters: 5 to change
`
	for _, o := range []Options{{}, {Verbose: true}, {Alone: true}} {
		var got bytes.Buffer
		if err := Write(&got, r, o); err != nil {
			t.Fatal(err)
		}
		if alone := o.Verbose || o.Alone; !alone && got.String() != want || alone && strings.Count(got.String(), "/values.yaml\n") != 5 {
			t.Errorf("%+v: got\n%s\nwant\n%s", o, got.String(), want)
		}
	}
}

// A name is replaced as a word, and where charts append to it.
func TestReplaceName(t *testing.T) {
	for text, want := range map[string]string{
		"StatefulSet a restarts": "StatefulSet NAME restarts", "vc-config-a": "vc-config-NAME", "a-headless": "NAME-headless",
		"a": "NAME", "banana": "banana", "[a]=\"a\"\na": "[NAME]=\"NAME\"\nNAME", "a1": "a1", "éa": "éa", "ba a ab": "ba NAME ab", "": "", "https://a.example.com": "https://NAME.example.com",
	} {
		if got := replaceName(text, "a"); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
