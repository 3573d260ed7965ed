package publish

import (
	"errors"
	"strings"
	"testing"
	"time"

	"kasou/pipelines/report"
)

func TestWhatServersSay(t *testing.T) {
	const to = "To https://example.com/fleet.git\n!\t5d9f:refs/heads/main\t"
	for _, c := range []struct {
		name, stdout, stderr string
		want                 answer
		kind                 Kind
	}{
		{"git, behind", to + "[rejected] (non-fast-forward)\nDone\n", "", stale, Contended},
		{"git, unknown tip", to + "[rejected] (fetch first)\nDone\n", "", stale, Contended},
		{"git, lease", to + "[rejected] (stale info)\nDone\n", "", stale, Contended},
		{"server, race", to + "[remote rejected] (cannot lock ref 'refs/heads/main': is at a1 but expected b2)\n", "", stale, Contended},
		{"server, old value", to + "[remote rejected] (incorrect old value provided)\n", "", stale, Contended},
		{"server, lock", to + "[remote rejected] (failed to update ref)\n", "", stale, Contended},
		{"GitHub, protected", to + "[remote rejected] (protected branch hook declined)\n", "remote: error: GH006: Protected branch update failed", refused, Protected},
		{"GitHub, ruleset", to + "[remote rejected] (push declined due to repository rule violations)\n", "remote: error: GH013", refused, Protected},
		{"GitLab", to + "[remote rejected] (pre-receive hook declined)\n", "remote: GitLab: You are not allowed to push", refused, Protected},
		{"GitHub, failing", to + "[remote rejected] (Internal Server Error)\n", "", lost, Network},
		{"no report", to + "[remote failure] (remote failed to report status)\n", "", lost, Network},
		{"shallow", to + "[remote rejected] (shallow update not allowed)\n", "", refused, NotReady},
		{"GitHub, read-only token", "", "remote: Write access to repository not granted.\nfatal: unable to access 'https://github.com/a/b.git/': The requested URL returned error: 403\n", refused, Denied},
		{"GitHub, deploy key", "", "ERROR: The key you are authenticating with has been marked as read only.\nfatal: Could not read from remote repository.\n", refused, Denied},
		{"ssh", "", "git@github.com: Permission denied (publickey).\nfatal: Could not read from remote repository.\n", refused, Denied},
		{"no password", "", "fatal: could not read Username for 'https://github.com': terminal prompts disabled\n", refused, Denied},
		{"not there", "", "fatal: repository 'https://github.com/a/b.git/' not found\n", refused, Denied},
		{"no such branch", "", "fatal: couldn't find remote ref refs/heads/main\n", refused, Gone},
		{"name", "", "fatal: unable to access 'https://x/': Could not resolve host: x\n", lost, Network},
		{"hung up", "", "error: RPC failed; curl 18 transfer closed\nfatal: the remote end hung up unexpectedly\n", lost, Network},
		{"ssh, cut", "", "ssh: connect to host github.com port 22: Connection timed out\nfatal: Could not read from remote repository.\n", lost, Network},
		{"full disk here", "", "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n", refused, NotReady},
		{"a hook's words are not git's", "", "remote: Permission denied, returned error: 403\nfatal: early EOF\n", lost, Network},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := judge(&failure{command: "push", stdout: c.stdout, stderr: c.stderr, err: errors.New("exit status 1")})
			e, ok := errors.AsType[*Error](err)
			if !ok || got != c.want || e.Kind != c.kind {
				t.Errorf("got %d, %v", got, err)
			}
		})
	}
}

func TestLastWords(t *testing.T) {
	for said, want := range map[string]string{
		"fatal: unable to access 'https://u:p@ss@host/a.git/': no\n": "fatal: unable to access 'https://***@host/a.git/': no",
		"remote: \x1b[31mred\x1b[0m\a\nhint: try\n":                  "remote:  [31mred [0m",
		"one\n\n  two\n": "one; two",
		"":               "",
	} {
		if got := lastWords(said); got != want {
			t.Errorf("%q gives %q, want %q", said, got, want)
		}
	}
	if got := lastWords(strings.Repeat("ü", 5000)); len(got) > 1200 {
		t.Errorf("%d bytes", len(got))
	}
}

func TestMessage(t *testing.T) {
	for _, c := range []struct {
		name    string
		message Message
		want    string
	}{
		{"chart and tool", Message{
			Changes: []Change{
				{"two", []report.Reason{{Cause: report.ToolChanged, From: "v3.21.0", To: "v3.22.0"}}},
				{"one", []report.Reason{{Cause: report.ChartChanged, From: "0.4.3", To: "0.5.0"}, {Cause: report.SpecChanged}}},
			},
			Tools: map[string]string{"kubeseal": "v0.30.0", "helm": "v3.22.0"},
		}, "Build 2 clusters (spec, chart, tool)\n\n- one: spec, chart 0.4.3 to 0.5.0\n- two: tool v3.21.0 to v3.22.0\n\n" +
			"Kasou-Inputs: abc\nKasou-Tool: helm v3.22.0\nKasou-Tool: kubeseal v0.30.0\n"},
		{"removed", Message{Changes: []Change{{"one", []report.Reason{{Cause: report.RemovedByPerson}}}}},
			"Remove one\n\n- one: removed\n\nKasou-Inputs: abc\n"},
		{"certificate and repair", Message{Changes: []Change{{"one", []report.Reason{{Cause: report.Repaired}, {Cause: report.CertificateChanged}}}}},
			"Build one (certificate, hand edit repaired)\n\n- one: certificate, hand edit repaired\n\nKasou-Inputs: abc\n"},
		{"nothing said", Message{}, "Build the fleet\n\nKasou-Inputs: abc\n"},
		{"a long name", Message{Changes: []Change{{strings.Repeat("n", 63), []report.Reason{{Cause: report.CertificateChanged}}}}},
			"Build " + strings.Repeat("n", 63) + "\n\n- " + strings.Repeat("n", 63) + ": certificate\n\nKasou-Inputs: abc\n"},
		{"hostile", Message{
			Changes: []Change{{"x\n\nSigned-off-by: root <r@x>", []report.Reason{{Cause: report.ChartChanged, To: "1\nfixes #1 @all [skip ci] ::set-output"}, {Cause: "made\nup"}}}},
			Tools:   map[string]string{"helm\nX: y": "v1\nCo-authored-by: z"},
		}, "Build x__Signed-off-by__root__r_x_ (chart)\n\n- x__Signed-off-by__root__r_x_: chart 1_fixes__1__all__skip_ci____set-output\n\n" +
			"Kasou-Inputs: abc\nKasou-Tool: helm_X__y v1_Co-authored-by__z\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.message.text("abc"); got != c.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, c.want)
			}
		})
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("development", "0.4.3\nX-Evil: yes", "\u2028")
	f.Fuzz(func(t *testing.T, cluster, version, tool string) {
		m := Message{
			Changes: []Change{{cluster, []report.Reason{{Cause: report.ChartChanged, From: version, To: version}}}},
			Tools:   map[string]string{tool: version},
		}
		text := m.text("abc")
		if n := strings.Count(text, "\n"); n != 6 || strings.ContainsAny(text, "\r\t@#[]\x00") {
			t.Errorf("%d lines: %q", n, text)
		}
		if subject, _, _ := strings.Cut(text, "\n"); len(subject) > 72 {
			t.Errorf("subject of %d: %q", len(subject), subject)
		}
	})
}

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		try    int
		chance float64
		want   time.Duration
	}{
		{2, 0, 500 * time.Millisecond}, {2, 1, 250 * time.Millisecond}, {3, 0, time.Second},
		{7, 0, 16 * time.Second}, {8, 0, 30 * time.Second}, {10, 1, 15 * time.Second}, {1000, 0, 30 * time.Second},
	} {
		if got := delay(c.try, c.chance); got != c.want {
			t.Errorf("try %d, chance %v: %v, want %v", c.try, c.chance, got, c.want)
		}
	}
}
