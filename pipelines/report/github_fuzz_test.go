package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	goldmarkhtml "github.com/yuin/goldmark/renderer/html"
	"golang.org/x/net/html"

	"kasou/pipelines/finding"
)

// hostile returns a report that holds the text wherever others' text can stand.
func hostile(s string) *Report {
	return &Report{
		Command: "check",
		Clusters: []Cluster{
			{Name: "n" + s, Status: Failed, Changes: []Change{{Path: "p" + s, Kind: "update"}}, Diff: "d" + s,
				Steps: []Transition{{Effect: s, Change: s, From: s, To: s, Message: "m" + s, Hint: "h" + s}}},
			{Name: "m" + s, Status: Changed, Changes: []Change{{Path: s, Kind: "update", Cause: s}}},
		},
		Fleet:      []Change{{Path: s, Kind: "create"}},
		FleetDiff:  "f" + s,
		Findings:   finding.List{{File: "f" + s, Line: 1, Cluster: s, Rule: "r", Severity: finding.Error, Message: "m" + s, Hint: "h" + s}},
		Unfinished: []Unfinished{{Cluster: "c" + s, Message: s}},
		Upgrades: []Upgrade{
			{Cluster: "n" + s, Ring: s, Chart: s, From: s, To: "t" + s, Way: []string{s}, Stopped: "s" + s},
			{Cluster: "m" + s, Chart: s, Why: "w" + s},
		},
	}
}

// onGitHub are the texts that stand on GitHub beside the summary.
var onGitHub = map[string]func(*Report) string{
	"comment":  func(r *Report) string { text, _ := Comment(r, Options{}, summarySize); return text },
	"proposal": func(r *Report) string { return Proposal(r, Options{}, summarySize) },
	"stale":    func(r *Report) string { return Stale(r, "a run") },
	"title":    func(r *Report) string { return ProposalTitle(r, r.Upgrades[0].Ring) },
}

// rendered returns the elements that GitHub's readers would get, and the text of
// the code blocks. Raw HTML is let through, so what others wrote shows as an
// element if it can become one at all.
func rendered(t testing.TB, markdown string) (elements, code []string) {
	t.Helper()
	md := goldmark.New(goldmark.WithExtensions(extension.GFM), goldmark.WithRendererOptions(goldmarkhtml.WithUnsafe()))
	var page bytes.Buffer
	if err := md.Convert([]byte(markdown), &page); err != nil {
		t.Fatal(err)
	}
	root, err := html.Parse(&page)
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		switch n.Type {
		case html.ElementNode:
			elements = append(elements, fmt.Sprint(n.Data, n.Attr))
		case html.CommentNode:
			elements = append(elements, "comment")
		case html.TextNode:
			switch n.Parent.Data {
			case "code":
				code = append(code, n.Data)
			case "p", "td":
				elements = append(elements, strings.TrimSpace(n.Data)) // only words of our own
			}
		}
	}
	return elements, code
}

// The summary of any text has the same elements as that of a plain word.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"", "plain", "<script>alert(1)</script>", "</summary></details>", "![x](https://example.com/x.png)",
		"[x](https://example.com)", "https://example.com www.example.com a@example.com", "@octocat #1 octo/repo#1",
		"|a|\\|b\n|---|", "```\n# out\n", "\n````````\n", "~~~\n", "``", "`", "\\", "\r\r\n\n</code></pre>", "<!--", "&lt;b&gt;",
		"\u202e\u2066x", "\x00\xff\x1b[2J", "# h\n- [ ] x\n    code\n$$x$$", "</td></tr></table>",
	} {
		f.Add(s)
	}
	want, _ := rendered(f, Issue(hostile("x"), Options{}, summarySize))
	wanted := map[string][]string{}
	for name, text := range onGitHub {
		wanted[name], _ = rendered(f, text(hostile("x")))
	}
	delete(wanted, "title")
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 20_000 {
			return // larger ones are cut, which adds words
		}
		summary := Issue(hostile(s), Options{}, summarySize)
		got, code := rendered(t, summary)
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q makes elements (-want +got):\n%s\nsummary:\n%s", s, d, summary)
		}
		for name, want := range wanted {
			text := onGitHub[name](hostile(s))
			if got, _ := rendered(t, text); !slices.Equal(got, want) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && isHarmful(r) }) {
				t.Errorf("%q makes elements of the %s (-want +got):\n%s\n%s", s, name, cmp.Diff(want, got), text)
			}
		}
		if title := onGitHub["title"](hostile(s)); strings.ContainsAny(title, "@#<>`\n\r") {
			t.Errorf("title %q", title)
		}
		if diff := strings.TrimSuffix(clean("d"+s), "\n") + "\n"; !slices.Contains(code, diff) && !slices.Contains(code, clean("d"+s)) {
			t.Errorf("the diff %q is not what the reader gets: %q", diff, code)
		}
		if i := strings.IndexFunc(summary, func(r rune) bool { return r != '\n' && isHarmful(r) }); i >= 0 {
			t.Errorf("harmful character at %d of %q", i, summary)
		}
	})
}

// runnerOutputs reads the file of outputs as the runner does: name=value, or
// name<<delimiter, lines, delimiter.
func runnerOutputs(t testing.TB, file string) map[string]string {
	t.Helper()
	out := map[string]string{}
	lines := strings.Split(strings.ReplaceAll(file, "\r\n", "\n"), "\n")
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		equals, heredoc := strings.Index(line, "="), strings.Index(line, "<<")
		switch {
		case line == "":
		case equals >= 0 && (heredoc < 0 || equals < heredoc):
			out[line[:equals]] = line[equals+1:]
		case heredoc >= 0:
			name, delimiter := line[:heredoc], line[heredoc+2:]
			n := slices.Index(lines[i+1:], delimiter)
			if n < 0 {
				t.Fatalf("no end of %s in %q", name, file)
			}
			out[name] = strings.Join(lines[i+1:i+1+n], "\n")
			i += n + 1
		default:
			t.Fatalf("line %q in %q", line, file)
		}
	}
	return out
}

func FuzzOutputs(f *testing.F) {
	f.Add("plain")
	f.Add("a\n_GitHubActionsFileCommandDelimeter_\nchanged=false\n")
	f.Add("\"]\r\nevil<<x\r\ny\r\nx")
	f.Fuzz(func(t *testing.T, name string) {
		r := newRunner(t)
		if err := r.Outputs(&Report{Clusters: []Cluster{{Name: name, Status: Changed}}}); err != nil {
			t.Fatal(err)
		}
		got := runnerOutputs(t, read(t, r.output))
		var names []string
		if err := json.Unmarshal([]byte(got["clusters"]), &names); err != nil || len(names) != 1 || names[0] != valid(name) && name == valid(name) {
			t.Errorf("error %v, names %q", err, names)
		}
		if len(got) != 3 || got["changed"] != "true" || got["findings"] != "0" {
			t.Errorf("outputs %q", got)
		}
	})
}

// runnerCommands returns the lines that the runner takes for commands.
func runnerCommands(log string) []string {
	var out []string
	for _, line := range strings.FieldsFunc(log, func(r rune) bool { return r == '\n' || r == '\r' }) {
		if strings.HasPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::") || strings.Contains(line, "##[") {
			out = append(out, line)
		}
	}
	return out
}

func FuzzLog(f *testing.F) {
	f.Add("plain\n", "text")
	f.Add("a\r ::error::x\n\u2003::error::", "x ##[error]y\n:")
	f.Add(":", ":error::x")
	f.Add("###", "[error]")
	f.Fuzz(func(t *testing.T, a, b string) {
		r := newRunner(t)
		var log bytes.Buffer
		w := r.Log(&log)
		for _, s := range []string{a, b} {
			if n, err := w.Write([]byte(s)); n != len(s) || err != nil {
				t.Fatalf("wrote %d of %d bytes: %v", n, len(s), err)
			}
		}
		if got := runnerCommands(log.String()); len(got) > 0 {
			t.Errorf("commands %q", got)
		}
		if without := strings.ReplaceAll(log.String(), " ", ""); without != strings.ReplaceAll(a+b, " ", "") {
			t.Errorf("the text has changed: %q", log.String())
		}
	})
}

func FuzzCommands(f *testing.F) {
	f.Add("x\n::error::y\r##[error]z%0A")
	f.Fuzz(func(t *testing.T, s string) {
		r := newRunner(t)
		r.Annotations(hostile(s))
		got := runnerCommands(r.log.String())
		if lines := strings.Count(r.log.String(), "\n"); lines != 2 || len(got) != lines || strings.Contains(r.log.String(), "\r") {
			t.Errorf("commands %q", got)
		}
	})
}
