package history_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/history"
)

func git(t *testing.T, root string, args ...string) string {
	t.Helper()
	c := exec.Command("git", append([]string{"-C", root, "-c", "user.name=a", "-c", "user.email=a@example.com"}, args...)...)
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t *testing.T, root, name, text string) {
	t.Helper()
	at := filepath.Join(root, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A folder's name may have characters that mean something in a pattern: nothing
// may be passed over for that.
func TestChanged(t *testing.T) {
	const dir = `odd [a]*?\dir`
	root := t.TempDir()
	git(t, root, "init", "-q")
	for _, name := range []string{"same", "edited", "deleted"} {
		write(t, root, dir+"/"+name+"/lock.yaml", name+" before\n\n")
	}
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "before")
	first := git(t, root, "rev-parse", "HEAD")
	write(t, root, dir+"/edited/lock.yaml", "now")
	write(t, root, dir+"/new/lock.yaml", "now")
	if err := os.Remove(filepath.Join(root, dir, "deleted", "lock.yaml")); err != nil {
		t.Fatal(err)
	}
	look := func(against string) []map[string][]byte {
		t.Helper()
		before := history.Open(t.Context(), root).Before(t.Context(), against)
		if before.Unknown != "" {
			t.Fatal(before.Unknown)
		}
		changed, err := before.Changed(t.Context(), history.Literal(dir)+"/*/lock.yaml")
		if err != nil {
			t.Fatal(err)
		}
		return changed
	}
	want := func(files map[string][]byte) {
		t.Helper()
		if len(files) != 2 || string(files[dir+"/edited/lock.yaml"]) != "edited before\n\n" || string(files[dir+"/deleted/lock.yaml"]) != "deleted before\n\n" {
			t.Errorf("%q", files)
		}
	}
	want(look("")[0])
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "now")
	changed := look("")
	if len(changed) != 2 || len(changed[0]) > 0 {
		t.Fatalf("%q", changed)
	}
	want(changed[1])
	git(t, root, "commit", "-qm", "later", "--allow-empty")
	want(look(first)[1])
}

func TestWithoutGit(t *testing.T) {
	before := history.Open(t.Context(), t.TempDir()).Before(t.Context(), "")
	if before.Unknown != "" {
		t.Errorf("%+v", before)
	}
	if at := history.Open(t.Context(), t.TempDir()).Dates(t.Context()).Changed(t.Context(), "a"); at != "" {
		t.Error(at)
	}
}

// A version counts from the merge that brought it, not from the branch's commit, and
// up to the last commit that had another.
func TestSince(t *testing.T) {
	root := t.TempDir()
	at := func(hour string) { t.Setenv("GIT_COMMITTER_DATE", "2026-11-01T"+hour+":00:00Z") }
	commit := func(hour, text string) {
		at(hour)
		write(t, root, "a/lock.yaml", text)
		git(t, root, "add", "-A")
		git(t, root, "commit", "-qm", text)
	}
	git(t, root, "init", "-q", "-b", "main")
	commit("01", "old")
	git(t, root, "checkout", "-qb", "change")
	commit("02", "new")
	git(t, root, "checkout", "-q", "main")
	at("05")
	git(t, root, "merge", "-q", "--no-ff", "-m", "merge", "change")
	commit("06", "new, and more")
	at("07")
	git(t, root, "commit", "-q", "--allow-empty", "-m", "something else")

	isNew := func(data []byte) bool { return strings.HasPrefix(string(data), "new") }
	since := func(root string, holds func([]byte) bool) string {
		when, known := history.Open(t.Context(), root).Dates(t.Context()).Since(t.Context(), "a/lock.yaml", holds)
		if !known {
			return ""
		}
		return when.UTC().Format("15")
	}
	if got := since(root, isNew); got != "05" {
		t.Errorf("new since %q, want 05", got)
	}
	if got := since(root, func([]byte) bool { return true }); got != "01" {
		t.Errorf("since %q, want 01", got)
	}
	if got := since(root, func(data []byte) bool { return string(data) == "old" }); got != "" {
		t.Errorf("it is not so any more, and was said since %q", got)
	}
	clone := t.TempDir()
	git(t, root, "clone", "-q", "--depth", "1", "file://"+root, clone+"/c")
	if got := since(clone+"/c", isNew); got != "" {
		t.Errorf("the clone ends there, and it is said since %q", got)
	}
	if got := since(t.TempDir(), isNew); got != "" {
		t.Errorf("without git: %q", got)
	}
}

// What nobody has merged is held against what it goes to, whatever is checked out and
// however little of the history; where that is not there, no other commit stands in for it.
func TestBaseBeforeAMerge(t *testing.T) {
	root := t.TempDir()
	git(t, root, "init", "-q", "-b", "main")
	commit := func(text string) string {
		t.Helper()
		write(t, root, "dir/a/lock.yaml", text)
		git(t, root, "add", "-A")
		git(t, root, "commit", "-qm", text)
		return git(t, root, "rev-parse", "HEAD")
	}
	into := commit("main")
	git(t, root, "branch", "moved")
	git(t, root, "checkout", "-q", "-b", "side")
	git(t, root, "commit", "-qm", "beside", "--allow-empty")
	git(t, root, "checkout", "-q", "-b", "change", into)
	commit("changed")
	git(t, root, "merge", "-q", "--no-ff", "-m", "a merge of its own", "side")
	git(t, root, "branch", "head")
	git(t, root, "checkout", "-q", "-b", "merged", "main")
	git(t, root, "merge", "-q", "--no-ff", "-m", "the host's merge", "head")
	tip := git(t, root, "rev-parse", "head")
	git(t, root, "checkout", "-q", "moved")
	commit("of another change")
	git(t, root, "merge", "-q", "--no-ff", "-s", "ours", "-m", "the host's merge into a branch that has moved", "head")
	git(t, root, "checkout", "-q", "-b", "squashed", "main")
	git(t, root, "merge", "-q", "--squash", "head")
	git(t, root, "commit", "-qm", "the queue's commit")
	git(t, root, "config", "uploadpack.allowAnySHA1InWant", "true")
	for _, test := range []struct {
		name, branch, depth, into, tip, want string
	}{
		{name: "the host's merge", branch: "merged", into: into, want: "main", tip: tip},
		{name: "into a branch that has moved", branch: "moved", into: into, want: "of another change", tip: tip},
		{name: "and the clone ends there", branch: "moved", depth: "2", into: into, want: "of another change", tip: tip},
		{name: "two commits of it", branch: "merged", depth: "2", into: into, want: "main"},
		{name: "and the event tells nothing", branch: "merged", depth: "2", want: "main"},
		{name: "one commit of it", branch: "merged", depth: "1", into: into},
		{name: "and no event", branch: "merged", depth: "1"},
		{name: "the branch itself, which ends in a merge", branch: "head", into: into, want: "main", tip: tip},
		{name: "a squash", branch: "squashed", into: into, want: "main"},
		{name: "one commit of it, squashed", branch: "squashed", depth: "1", into: into},
		{name: "a branch without an event", branch: "squashed", want: "changed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			clone := filepath.Join(t.TempDir(), "clone")
			arguments := []string{"clone", "-q", "--branch", test.branch, "file://" + root, clone}
			if test.depth != "" {
				arguments = append(arguments, "--depth", test.depth)
			}
			git(t, root, arguments...)
			base, err := history.Open(t.Context(), clone).Base(t.Context(), history.Start{BeforeMerge: true, Merge: history.Merge{Into: test.into, Tip: test.tip}})
			if test.want == "" {
				if !errors.Is(err, history.ErrNoCommit) {
					t.Errorf("the error is %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer base.Close()
			if got, err := base.File(t.Context(), "dir/a/lock.yaml"); err != nil || string(got) != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// A change starts from HEAD; from what HEAD has in common with a commit that is named;
// and on a pull request, where HEAD is the host's own merge, from the branch that it
// goes to.
func TestBase(t *testing.T) {
	root := t.TempDir()
	if base, err := history.Open(t.Context(), root).Base(t.Context(), history.Start{}); base != nil || err != nil {
		t.Fatalf("outside of a repository: %v, %v", base, err)
	}
	git(t, root, "init", "-q", "-b", "main")
	if base, err := history.Open(t.Context(), root).Base(t.Context(), history.Start{}); base != nil || err != nil {
		t.Fatalf("before the first commit: %v, %v", base, err)
	}
	commit := func(text string) {
		t.Helper()
		write(t, root, "dir/a/lock.yaml", text)
		git(t, root, "add", "-A")
		git(t, root, "commit", "-qm", text)
	}
	has := func(against string, beforeMerge bool, want string) {
		t.Helper()
		base, err := history.Open(t.Context(), root).Base(t.Context(), history.Start{Against: against, BeforeMerge: beforeMerge})
		if err != nil {
			t.Fatal(err)
		}
		defer base.Close()
		for range 2 { // one process answers again and again
			if got, err := base.File(t.Context(), "dir/a/lock.yaml"); err != nil || string(got) != want {
				t.Errorf("against %q, before the merge %t: %q, %v; want %q", against, beforeMerge, got, err, want)
			}
			if got, err := base.File(t.Context(), "dir/a"); got != nil || err != nil {
				t.Errorf("a folder has the text %q, %v", got, err)
			}
			if got, err := base.File(t.Context(), "dir/missing"); got != nil || err != nil {
				t.Errorf("a missing file has the text %q, %v", got, err)
			}
		}
		if names, err := base.Differs(t.Context(), "dir/*/lock.yaml"); err != nil || len(names) != 1 {
			t.Errorf("against %q, before the merge %t: %q differ, %v", against, beforeMerge, names, err)
		}
	}
	commit("first")
	git(t, root, "checkout", "-q", "-b", "change")
	commit("changed")
	git(t, root, "checkout", "-q", "main")
	write(t, root, "other", "a")
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "main goes on")
	git(t, root, "merge", "-q", "--no-ff", "-m", "merge", "change")
	has("", true, "first")
	has("HEAD^1", false, "first")
	git(t, root, "checkout", "-q", "change")
	has("main^1", false, "first") // what both have in common
	write(t, root, "dir/a/lock.yaml", "not committed")
	has("", false, "changed")
	has("", true, "changed") // a branch is not a merge
	if _, err := history.Open(t.Context(), root).Base(t.Context(), history.Start{Against: strings.Repeat("1", 40)}); !errors.Is(err, history.ErrNoCommit) {
		t.Errorf("a commit that is not there: %v", err)
	}
}

// A repository that is there and that git does not read is not one without a history: in a
// container it may be another user's, or git is not installed.
func TestARepositoryThatGitDoesNotRead(t *testing.T) {
	root := t.TempDir()
	git(t, root, "init", "-q")
	write(t, root, "a", "a")
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "first")
	look := func(want string) {
		t.Helper()
		before := history.Open(t.Context(), root).Before(t.Context(), "")
		if !strings.Contains(before.Unknown, want) || (before.Unknown == "") != (want == "") {
			t.Errorf("%q, want %q", before.Unknown, want)
		}
		base, err := history.Open(t.Context(), root).Base(t.Context(), history.Start{})
		if err != nil || (base == nil) != (want != "") {
			t.Errorf("%v, %v, want %q", base, err, want)
		}
		if base != nil {
			base.Close()
		}
	}
	look("")
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1") // git's own switch for this
	look("run git config --global --add safe.directory " + root)
	t.Setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "")
	if err := os.Rename(filepath.Join(root, ".git", "HEAD"), filepath.Join(root, ".git", "tail")); err != nil {
		t.Fatal(err)
	}
	look("not a git repository")
	t.Setenv("PATH", "")
	look("install git")
	if err := os.RemoveAll(filepath.Join(root, ".git")); err != nil {
		t.Fatal(err)
	}
	before := history.Open(t.Context(), root).Before(t.Context(), "")
	if base, err := history.Open(t.Context(), root).Base(t.Context(), history.Start{}); err != nil || base != nil || before.Unknown != "" {
		t.Errorf("without a repository: %+v, %v, %v", before, err, base)
	}
}

// Lines of what git says are told apart, also where the folder's name has one.
func TestOpen(t *testing.T) {
	root := filepath.Join(t.TempDir(), "two\nlines")
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	git(t, root, "init", "-q", "-b", "main")
	if r := history.Open(t.Context(), root); r.Head() != "" || r.Unread != "" {
		t.Errorf("before the first commit: %+v", r)
	}
	write(t, root, "a", "a")
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "first")
	head := git(t, root, "rev-parse", "HEAD")
	if r := history.Open(t.Context(), root); r.Head() != head || r.Unread != "" {
		t.Errorf("HEAD is %s: %+v", head, r)
	}
	below := filepath.Join(root, "below")
	if err := os.Mkdir(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if r := history.Open(t.Context(), below); r.Head() != "" || r.Unread != "" {
		t.Errorf("a folder below the top: %+v", r)
	}
}

// An error of git's says what git says.
func TestWhatGitSaysIsSaid(t *testing.T) {
	root := t.TempDir()
	git(t, root, "init", "-q")
	write(t, root, "a.yaml", "a: b\n")
	git(t, root, "add", "-A")
	git(t, root, "commit", "-qm", "one")
	base, err := history.Open(t.Context(), root).Base(t.Context(), history.Start{})
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	write(t, root, ".git/index", "garbage")
	if _, err := base.Differs(t.Context(), "*"); err == nil || !strings.Contains(err.Error(), "index file smaller than expected") {
		t.Errorf("the error is %v", err)
	}
}
