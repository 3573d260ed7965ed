package history_test

import (
	"os"
	"path/filepath"
	"testing"

	"kasou/pipelines/history"
)

// What a fleet's first file says of its repository comes from here: no credential of a
// clone may get into it, and nothing may be made up.
func TestFindOrigin(t *testing.T) {
	for _, test := range []struct {
		name     string
		commands [][]string
		want     history.Origin
	}{
		{"no remote", nil, history.Origin{Branch: "trunk"}},
		{"one of another name", [][]string{{"remote", "add", "upstream", "git@host:a/b.git"}}, history.Origin{"git@host:a/b.git", "trunk"}},
		{"credentials", [][]string{{"remote", "add", "origin", "https://x-access-token:ghp_secret@github.com/a/b.git"}}, history.Origin{"https://github.com/a/b.git", "trunk"}},
		{"a user for ssh", [][]string{{"remote", "add", "origin", "ssh://git@github.com/a/b.git"}}, history.Origin{"ssh://git@github.com/a/b.git", "trunk"}},
		{"two, and one is origin", [][]string{{"remote", "add", "a", "https://a/a.git"}, {"remote", "add", "origin", "https://b/b.git"}}, history.Origin{"https://b/b.git", "trunk"}},
		{"two, and none is origin", [][]string{{"remote", "add", "a", "https://a/a.git"}, {"remote", "add", "b", "https://b/b.git"}}, history.Origin{Branch: "trunk"}},
		{"the remote's own branch", [][]string{{"remote", "add", "origin", "https://a/a.git"}, {"symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/release/1"}},
			history.Origin{"https://a/a.git", "release/1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			root := t.TempDir()
			git(t, root, "init", "-q", "-b", "trunk")
			for _, args := range test.commands {
				git(t, root, args...)
			}
			if got := history.Open(t.Context(), root).Origin(t.Context()); got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
			below := filepath.Join(root, "below")
			if err := os.Mkdir(below, 0o755); err != nil {
				t.Fatal(err)
			}
			if got := history.Open(t.Context(), below).Origin(t.Context()); got != (history.Origin{}) {
				t.Errorf("a folder in somebody else's repository has %+v", got)
			}
		})
	}
}
