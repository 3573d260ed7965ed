package cli

import (
	"bytes"
	"syscall"
	"testing"

	"kasou/pipelines/publish"
)

// What keeps a tree from being published is said once, with what to do.
func TestUnpublishedSaysOnceWhatToDo(t *testing.T) {
	err := unpublished(nil, &publish.Error{Kind: publish.Network, Message: "the server does not answer", Hint: "Look at the network"})
	if want := "nothing was published: the server does not answer. Look at the network"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

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

// full is a disk without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// A key that nobody could read is not made: whoever redirects it to a full disk has none.
func TestASealKeyThatIsNotWrittenFails(t *testing.T) {
	var stderr bytes.Buffer
	env := Env{Dir: t.TempDir(), Stdout: full{}, Stderr: &stderr, Getenv: func(string) string { return "" }}
	if code := Main([]string{"lock", "--seal-key"}, env); code != ExitUnfinished || !bytes.Contains(stderr.Bytes(), []byte("writing the key")) {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}
