package report

import (
	"bytes"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

// What the run has read need not be read again, and is what its findings are
// about; the rest is.
func TestLinesComeFromTheTextsOfTheRun(t *testing.T) {
	r := example()
	r.Text = func(file string) []byte {
		if file == "clusters/beta/values.yaml" {
			return []byte("a: as it was\n")
		}
		return nil
	}
	var got bytes.Buffer
	if err := Write(&got, r, Options{Format: "text", Source: source}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"    1 | a: as it was\n", "    2 |   ingres: {}\n"} {
		if !strings.Contains(got.String(), line) {
			t.Errorf("no line %q in:\n%s", line, &got)
		}
	}
}

// No line of a Secret that somebody put into a file is shown beside a finding.
func TestNoLineOfASecretIsShown(t *testing.T) {
	const manifest, spec = "clusters/a/manifests/x.yaml", "clusters/a/spec.yaml"
	texts := map[string]string{manifest: "kind: Secret\nstringData: {p: hunter2}\n", spec: "a: [\nSecret: hunter3\n"}
	r := &Report{Command: "check", Findings: finding.List{
		{File: manifest, Line: 2, Column: 1, Rule: "tree-hand-edit", Severity: finding.Error, Message: "edited"},
		{File: spec, Line: 2, Column: 1, Rule: "fleet-syntax", Severity: finding.Error, Message: "not YAML"},
	}}
	var got bytes.Buffer
	o := Options{Format: "text", Source: func(file string) ([]byte, error) { return []byte(texts[file]), nil }}
	if err := Write(&got, r, o); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(got.String(), "hunter2") || !strings.Contains(got.String(), "hunter3") {
		t.Errorf("it shows\n%s", &got)
	}
}
