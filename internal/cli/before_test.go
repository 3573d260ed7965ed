package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/history"
)

// A push is held against the commit that it started from.
func TestTheCommitBeforeAPush(t *testing.T) {
	file := filepath.Join(t.TempDir(), "event.json")
	commit, none := strings.Repeat("ab", 20), strings.Repeat("0", 40)
	for _, test := range []struct {
		name, event, content, want string
		fails                      bool
	}{
		{"push", "push", `{"before": "` + commit + `"}`, commit, false},
		{"a new branch", "push", `{"before": "` + none + `"}`, "", false},
		{"a pull request", "pull_request", `{"before": "` + commit + `"}`, "", false},
		{"no JSON", "push", `{`, "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(test.content), 0o644); err != nil {
				t.Fatal(err)
			}
			env := map[string]string{"GITHUB_EVENT_NAME": test.event, "GITHUB_EVENT_PATH": file}
			getenv := func(name string) string { return env[name] }
			if got, err := before(getenv); got != test.want || (err != nil) != test.fails {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

// What nobody has merged is held against what it goes to.
func TestTheCommitThatAChangeGoesTo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "event.json")
	commit := strings.Repeat("ab", 20)
	tip := strings.Repeat("cd", 20)
	for event, test := range map[string]struct{ content, into, tip string }{
		"pull_request":        {`{"before": "x", "pull_request": {"base": {"sha": "` + commit + `"}, "head": {"sha": "` + tip + `"}}}`, commit, tip},
		"pull_request_target": {`{"pull_request": {"base": {"sha": "` + commit + `"}}}`, commit, ""},
		"merge_group":         {`{"merge_group": {"head_sha": "y", "base_sha": "` + commit + `"}}`, commit, ""},
		"push":                {`{"before": "` + commit + `"}`, "", ""},
		"schedule":            {`{}`, "", ""},
	} {
		if err := os.WriteFile(file, []byte(test.content), 0o644); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": file}
		getenv := func(name string) string { return env[name] }
		if got, err := merge(getenv); got != (history.Merge{Into: test.into, Tip: test.tip}) || err != nil {
			t.Errorf("%s: %+v, %v", event, got, err)
		}
		if err := os.WriteFile(file, []byte("{"), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := merge(getenv); beforeMerge(event) != (err != nil) {
			t.Errorf("%s without JSON: %v", event, err)
		}
	}
}

// GitLab tells the same by other names.
func TestTheEventOnGitLab(t *testing.T) {
	commit, none := strings.Repeat("ab", 20), strings.Repeat("0", 40)
	for _, test := range []struct {
		source, before, base string
		event, against       string
	}{
		{"push", commit, "", "push", commit},
		{"push", none, "", "push", ""},
		{"merge_request_event", none, commit, "pull_request", commit},
		{"schedule", commit, "", "schedule", ""},
		{"web", commit, "", "web", ""},
	} {
		env := map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": test.source, "CI_COMMIT_BEFORE_SHA": test.before, "CI_MERGE_REQUEST_DIFF_BASE_SHA": test.base}
		getenv := func(name string) string { return env[name] }
		against, err := before(getenv)
		if eventOf(getenv) != test.event || against != test.against || err != nil {
			t.Errorf("%s: %s, %s, %v", test.source, eventOf(getenv), against, err)
		}
		env["GITLAB_CI"] = ""
		if eventOf(getenv) != "" {
			t.Errorf("outside of GitLab there is the event %q", eventOf(getenv))
		}
	}
}
