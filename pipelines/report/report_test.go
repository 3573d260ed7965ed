package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/finding"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func example() *Report {
	return &Report{
		Command: "check",
		Clusters: []Cluster{
			{Name: "alpha", Status: Unchanged},
			{Name: "beta", Status: Changed, Changes: []Change{{Path: "clusters/beta/values.yaml", Kind: "update", Cause: "hand edit"}},
				Diff: "--- a/clusters/beta/values.yaml\n+++ b/clusters/beta/values.yaml\n@@ -1 +1 @@\n-a: 2\n+a: 1\n"},
			{Name: "gamma", Status: Failed},
		},
		Findings: finding.List{
			{File: "clusters/beta/values.yaml", Line: 1, Column: 4, Cluster: "beta", Rule: "tree-hand-edit",
				Severity: finding.Error, Message: "edited by hand", Hint: "kasou build beta writes it anew"},
			{File: "clusters/gamma/spec.yaml", Line: 2, Column: 3, Cluster: "gamma", Rule: "fleet-unknown-field",
				Severity: finding.Error, Message: "unknown field \"in\x1b[2Jgres\"", Hint: "Did you mean \"ingress\"?"},
			{File: "clusters/a b.yaml", Line: 9, Rule: "x-note", Severity: finding.Note, Message: "100% fine\n::warning::not a command"},
			{Rule: "x-warning", Severity: finding.Warning, Message: "no file"},
		},
		Unfinished: []Unfinished{{Cluster: "gamma", Message: "https://charts.example.com: connection refused"}},
	}
}

func source(path string) ([]byte, error) {
	if path == "clusters/gamma/spec.yaml" {
		return []byte("spec:\n  ingres: {}\n"), nil
	}
	return nil, fs.ErrNotExist
}

func TestFormats(t *testing.T) {
	for _, test := range []struct {
		name    string
		options Options
	}{
		{"text", Options{Format: "text", Source: source, Verbose: true}},
		{"quiet", Options{Format: "text", Source: source}},
		{"color", Options{Format: "text", Source: source, Color: true, Verbose: true}},
		{"junit", Options{Format: "junit"}},
		{"json", Options{Format: "json"}},
		{"sarif", Options{Format: "sarif", Version: "v1.2.3"}},
		{"github", Options{Format: "github"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got bytes.Buffer
			if err := Write(&got, example(), test.options); err != nil {
				t.Fatal(err)
			}
			golden(t, test.name, got.String())
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := errors.Join(os.MkdirAll("testdata", 0o755), os.WriteFile(file, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got):\n%s", file, d)
	}
}

func TestACleanCheckSaysNothing(t *testing.T) {
	var got bytes.Buffer
	r := &Report{Command: "check", Clusters: []Cluster{{Name: "alpha", Status: Unchanged}}}
	if err := Write(&got, r, Options{Format: "text"}); err != nil || got.Len() > 0 {
		t.Errorf("error %v, output %q", err, got.String())
	}
}

func TestBuildSaysWhatItDid(t *testing.T) {
	var got bytes.Buffer
	r := &Report{Command: "build", Clusters: []Cluster{
		{Name: "alpha", Status: Changed, Changes: []Change{{Path: "a", Kind: "create"}, {Path: "b", Kind: "create"}, {Path: "c", Kind: "delete"}}},
		{Name: "beta", Status: Unchanged},
	}}
	if err := Write(&got, r, Options{Format: "text"}); err != nil {
		t.Fatal(err)
	}
	want := "alpha: 2 files created, 1 file deleted\n2 clusters: 1 built, 1 unchanged\n"
	if got.String() != want {
		t.Errorf("got %q, want %q", got.String(), want)
	}
}

func TestEmptyListsAreListsInJSON(t *testing.T) {
	var got bytes.Buffer
	if err := Write(&got, &Report{Command: "build"}, Options{Format: "json"}); err != nil {
		t.Fatal(err)
	}
	var decoded struct{ Clusters, Findings []any }
	if err := json.Unmarshal(got.Bytes(), &decoded); err != nil || decoded.Clusters == nil || decoded.Findings == nil {
		t.Errorf("error %v, output %s", err, got.String())
	}
}

func TestFormatErrorListsTheChoices(t *testing.T) {
	var f Format
	err := f.Set("xml")
	if err == nil || !strings.Contains(err.Error(), "text, json, sarif, github") {
		t.Errorf("error %v", err)
	}
	if err := f.Set("sarif"); err != nil || f != "sarif" {
		t.Errorf("error %v, format %q", err, f)
	}
}

func FuzzInert(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b]0;title\x07\r\n\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		if got := Inert(s); strings.ContainsFunc(got, isHarmful) {
			t.Errorf("%q still harmful: %q", s, got)
		}
	})
}

// A line that GitHub takes for a command starts with two colons; no text of a
// finding may start one.
func FuzzGitHubCommandsAreInert(f *testing.F) {
	f.Add("file.yaml", "message\n::error::x", "hint")
	f.Add("a,line=1::x\r\n::set-output name=x::y", "%0A", "")
	f.Fuzz(func(t *testing.T, file, message, hint string) {
		var got bytes.Buffer
		r := &Report{Findings: finding.List{{File: file, Line: 1, Rule: "r", Severity: finding.Error, Message: message, Hint: hint}}}
		if err := Write(&got, r, Options{Format: "github"}); err != nil {
			t.Fatal(err)
		}
		lines := strings.FieldsFunc(got.String(), func(r rune) bool { return r == '\n' || r == '\r' })
		if len(lines) != 2 || !strings.HasPrefix(lines[0], "::error ") {
			t.Errorf("lines: %q", lines)
		}
	})
}
