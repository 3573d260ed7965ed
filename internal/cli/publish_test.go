package cli

import (
	"bytes"
	"testing"
)

// What is not merged is not published, and that is said as bad usage.
func TestNothingIsPublishedBeforeTheMerge(t *testing.T) {
	for event, refused := range map[string]bool{"pull_request": true, "pull_request_target": true, "pull_request_review": true, "merge_group": true, "push": false, "": false} {
		var stdout, stderr bytes.Buffer
		env := Env{Dir: t.TempDir(), Stdout: &stdout, Stderr: &stderr, Getenv: func(name string) string {
			if name == "GITHUB_EVENT_NAME" {
				return event
			}
			return ""
		}}
		// There is no fleet: what is not refused fails later, and otherwise.
		code := CI([]string{"build", "--publish", "commit"}, env)
		if said := bytes.Contains(stderr.Bytes(), []byte("nobody has merged yet")); said != refused || refused && code != 2 {
			t.Errorf("%q: exit code %d, %s", event, code, &stderr)
		}
	}
}
