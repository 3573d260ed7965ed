package report

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

func TestDriftAsText(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, driftReport(), Options{Format: "text"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"[drift-tools]\n  Run kasou build.\n  kasou build repairs it\n",
		"[tree-hand-edit]\n  Change spec.yaml instead.\n  since 2026-11-20T08:00:00Z; kasou build beta repairs it\n",
		"gamma: could not finish: connection refused\n",
		"3 clusters: 1 drifted, 1 unknown, 1 unchanged\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

func TestDriftAsJSON(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, driftReport(), Options{Format: "json"}); err != nil {
		t.Fatal(err)
	}
	var got Report
	if err := json.Unmarshal(b.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if row := got.Drift[1]; row != driftReport().Drift[1] || got.Clusters[1].Facts.Server != "https://a.example.com" {
		t.Errorf("%+v", row)
	}
}

// The step summary says what repairs it, too.
func TestDriftInTheSummary(t *testing.T) {
	file := filepath.Join(t.TempDir(), "summary.md")
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": file}
	g, _ := NewGitHub(func(name string) string { return env[name] }, &bytes.Buffer{})
	if err := g.Summary(driftReport(), Options{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"1 drifted · 1 unknown", "| `beta` | drifted |", "kasou register beta repairs it"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
}

func TestRowCommand(t *testing.T) {
	for _, test := range []struct {
		name string
		row  Row
		want string
	}{
		{"a finding that is not a row", Row{}, ""},
		{"build", Row{Finding: finding.Finding{Cluster: "dev"}, Repair: ByBuild}, "kasou build dev"},
		{"the fleet's", Row{Repair: ByBuild}, "kasou build"},
		{"upgrade", Row{Finding: finding.Finding{Cluster: "dev"}, Repair: ByUpgrade}, "kasou lock --upgrade dev"},
		{"certificate", Row{Finding: finding.Finding{Cluster: "dev"}, Repair: ByCertificate}, "kasou lock --certificate"},
		{"a person", Row{Repair: ByPerson}, ""},
		{"unknown", Row{Repair: ByBuild, Unknown: true}, ""},
		{"repaired", Row{Repair: ByBuild, Repaired: true}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.row.Command(); got != test.want {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

// The date of one cluster does not stand for those that have the same.
func TestDatesOfLikeRows(t *testing.T) {
	r := &Report{Command: "drift"}
	for cluster, since := range map[string]string{"a": "2026-11-20T08:00:00Z", "b": "2026-11-21T08:00:00Z"} {
		f := finding.Finding{Cluster: cluster, Rule: "tree-stale", Severity: finding.Warning, Message: "off"}
		r.Findings = append(r.Findings, f)
		r.Drift = append(r.Drift, Row{Finding: f, Since: since})
	}
	for verbose, dates := range map[bool]int{false: 0, true: 2} {
		var text strings.Builder
		if err := Write(&text, r, Options{Format: "text", Verbose: verbose}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(text.String(), "since 2026-11-2"); got != dates {
			t.Errorf("verbose %v: %d dates in\n%s", verbose, got, text.String())
		}
	}
}
