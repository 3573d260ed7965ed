package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
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
			c := &ciCommand{flags: &flags{env: Env{Getenv: func(name string) string { return env[name] }}}}
			if got, err := c.before(); got != test.want || (err != nil) != test.fails {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
