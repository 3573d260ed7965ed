package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kasou/pipelines/finding"
)

// runner is a GitHub with real files of its own, as the real runner gives them.
type runner struct {
	*GitHub
	log             bytes.Buffer
	summary, output string
}

func newRunner(t testing.TB) *runner {
	t.Helper()
	dir := t.TempDir()
	r := &runner{summary: filepath.Join(dir, "summary"), output: filepath.Join(dir, "output")}
	for _, file := range []string{r.summary, r.output} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "push",
		"GITHUB_STEP_SUMMARY": r.summary, "GITHUB_OUTPUT": r.output,
	}
	g, ok := NewGitHub(func(name string) string { return env[name] }, &r.log)
	if !ok {
		t.Fatal("not inside Actions")
	}
	r.GitHub = g
	return r
}

func read(t testing.TB, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestOutsideActionsNothingHappens(t *testing.T) {
	var log bytes.Buffer
	g, ok := NewGitHub(func(string) string { return "" }, &log)
	if ok || g != nil {
		t.Errorf("got %v, %v", g, ok)
	}
	g.Mask("a secret")
	if err := g.Report(example(), Options{}); err != nil || log.Len() > 0 {
		t.Errorf("error %v, log %q", err, log.String())
	}
	if w := g.Log(&log); w != &log {
		t.Error("the writer is another one")
	}
}

func TestSummary(t *testing.T) {
	r := newRunner(t)
	if err := r.Report(example(), Options{Source: source}); err != nil {
		t.Fatal(err)
	}
	golden(t, "summary", read(t, r.summary))
	golden(t, "outputs", read(t, r.output))
}

func TestFilesThatCannotBeWrittenAreErrors(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no", "file")
	for _, test := range []struct {
		name, summary, output string
		fails                 []string
	}{
		{"none named", "", "", nil},
		{"no folder", missing, missing, []string{"GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"}},
		{"a folder", t.TempDir(), "", []string{"GITHUB_STEP_SUMMARY"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": test.summary, "GITHUB_OUTPUT": test.output}
			g, _ := NewGitHub(func(name string) string { return env[name] }, &bytes.Buffer{})
			err := g.Report(example(), Options{})
			if (err == nil) != (test.fails == nil) {
				t.Fatalf("error %v", err)
			}
			for _, name := range test.fails {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("error %v names no %s", err, name)
				}
			}
		})
	}
}

func many(n int, s finding.Severity) finding.List {
	var l finding.List
	for i := range n {
		l = append(l, finding.Finding{File: "clusters/a/spec.yaml", Line: i + 1, Rule: "r", Severity: s, Message: fmt.Sprint("m", i)})
	}
	return l
}

func TestAnnotationsAreTenOfEachSeverity(t *testing.T) {
	for _, test := range []struct {
		name                    string
		report                  Report
		errors, warnings, notes int
		more                    string
	}{
		{"few", Report{Findings: many(3, finding.Error)}, 3, 0, 0, ""},
		{"ten of each", Report{Findings: append(many(10, finding.Note), many(10, finding.Error)...)}, 10, 0, 10, ""},
		{"eleven errors", Report{Findings: append(many(10, finding.Note), many(11, finding.Error)...)}, 10, 0, 10, "and 2 more"},
		{"unfinished counts as error", Report{
			Findings: many(8, finding.Error), Unfinished: make([]Unfinished, 5)}, 10, 0, 1, "and 3 more"},
		{"warnings", Report{Findings: many(50, finding.Warning)}, 0, 10, 1, "and 40 more"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRunner(t)
			r.Annotations(&test.report)
			log := r.log.String()
			for command, want := range map[string]int{"::error": test.errors, "::warning": test.warnings, "::notice": test.notes} {
				if got := strings.Count(log, command); got != want {
					t.Errorf("%s: %d times, want %d", command, got, want)
				}
			}
			if test.errors > 0 && !strings.HasPrefix(log, "::error") {
				t.Errorf("the worst is not the first: %s", log)
			}
			if !strings.Contains(log, test.more) || (test.more == "") == strings.Contains(log, "more") {
				t.Errorf("log says not %q:\n%s", test.more, log)
			}
		})
	}
}

func TestWhatIsTooMuchForAnnotationsIsInTheLog(t *testing.T) {
	var got bytes.Buffer
	l := many(12, finding.Error)
	l[11].Message = "x\n::error::forged\n##[error]forged"
	if err := Write(&got, &Report{Findings: l}, Options{Format: "github"}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(got.String(), "clusters/a/spec.yaml:11: error: m10 [r]\n") || strings.Count(got.String(), "::error ") != 10 {
		t.Errorf("log:\n%s", got.String())
	}
	if commands := runnerCommands(got.String()); len(commands) != 11 {
		t.Errorf("commands: %q", commands)
	}
}

// bigFleet has every second cluster changed, no two alike.
func bigFleet(clusters, diff int) *Report {
	r := &Report{Command: "check"}
	for i := range clusters {
		c := Cluster{Name: fmt.Sprintf("cluster-%05d", i), Status: Unchanged}
		if i%2 == 0 && diff > 0 {
			c.Status = Changed
			c.Changes = slices.Concat(slices.Repeat([]Change{{Path: "clusters/x/values.yaml", Kind: "update"}}, 1+i/2%7),
				slices.Repeat([]Change{{Path: "clusters/x/a.yaml", Kind: "create"}}, i/14%7), slices.Repeat([]Change{{Path: "clusters/x/b.yaml", Kind: "delete"}}, i/98%7))
			c.Diff = strings.Repeat(fmt.Sprintf("+ a: \u00e9``` %d\n", i), diff)
		}
		r.Clusters = append(r.Clusters, c)
		r.Findings = append(r.Findings, many(diff, finding.Error)...)
	}
	return r
}

func TestSummaryStaysBelowOneMebibyte(t *testing.T) {
	for _, test := range []struct {
		name  string
		r     *Report
		words []string
		below int
	}{
		{"10,000 unchanged clusters", bigFleet(10_000, 0), []string{"10000 clusters · 10000 unchanged"}, 300},
		{"10,000 clusters, half changed", bigFleet(10_000, 12), []string{"and 143 rows more", "more in this step's log", "did not fit here"}, summarySize},
		{"one huge diff", bigFleet(1, 100_000), []string{"Cut here", "more in this step's log"}, summarySize},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRunner(t)
			if err := r.Summary(test.r, Options{}); err != nil {
				t.Fatal(err)
			}
			got := read(t, r.summary)
			if len(got) > test.below {
				t.Errorf("%d bytes", len(got))
			}
			for _, w := range test.words {
				if !strings.Contains(got, w) {
					t.Errorf("%q is missing in %.600s … %s", w, got, got[max(0, len(got)-300):])
				}
			}
		})
	}
}

func TestSummaryCountsWhatIsThereAlready(t *testing.T) {
	r := newRunner(t)
	for range 3 {
		if err := r.Summary(bigFleet(2_000, 20), Options{}); err != nil && !errors.Is(err, errSummaryFull) {
			t.Error(err)
		}
		if size := len(read(t, r.summary)); size > summarySize {
			t.Fatalf("%d bytes", size)
		}
	}
	if err := r.Summary(bigFleet(2_000, 20), Options{}); !errors.Is(err, errSummaryFull) {
		t.Errorf("error %v", err)
	}
}

func TestMask(t *testing.T) {
	line := strings.Repeat("QUJD", 16)
	pem := "-----BEGIN RSA PRIVATE KEY-----\n" + line + "\r\nc2VjcmV0LXRhaWw=\nQQ==\n-----END RSA PRIVATE KEY-----\n"
	for _, test := range []struct {
		name, secret string
		hidden, not  []string
	}{
		{"pem", pem, []string{line, "c2VjcmV0LXRhaWw=", base64.RawStdEncoding.EncodeToString([]byte(pem))}, []string{"QQ==", "-----BEGIN RSA PRIVATE KEY-----"}},
		{"short token", "pw", []string{"pw", "cHc"}, nil},
		{"url alphabet", "\xff\xfe\xfd?>", []string{"__79Pz4"}, nil},
		{"100% odd", "a%0Ab", []string{"a%250Ab"}, nil},
		{"nothing", "\n", nil, []string{"::add-mask::"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newRunner(t)
			r.Mask(test.secret)
			lines := strings.Split(r.log.String(), "\n")
			has := func(s string) bool {
				for _, l := range lines {
					if l == "::add-mask::"+s {
						return true
					}
				}
				return false
			}
			for _, h := range test.hidden {
				if !has(h) {
					t.Errorf("%q is not masked: %q", h, lines)
				}
			}
			for _, n := range test.not {
				if has(n) || n == "::add-mask::" && has("") {
					t.Errorf("%q is masked", n)
				}
			}
		})
	}
}

func TestOutputsOfACleanRun(t *testing.T) {
	r := newRunner(t)
	if err := r.Outputs(&Report{}); err != nil {
		t.Fatal(err)
	}
	got := runnerOutputs(t, read(t, r.output))
	var names []string
	if err := json.Unmarshal([]byte(got["clusters"]), &names); err != nil || len(names) > 0 || got["changed"] != "false" || got["findings"] != "0" {
		t.Errorf("error %v, outputs %q", err, got)
	}
}
