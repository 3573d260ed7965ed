package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestOneCommitAndNothingElse(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	before := s.tip(t)
	r := mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	s.wantPublished(t, 1)
	if r.Commit != s.tip(t) || r.Inputs != before || r.Tries != 1 || r.Branch != "main" || r.Remote != "origin" {
		t.Errorf("result %+v", r)
	}
	if got := command(t, s.repo, "git", "log", "-1", "--format=%an <%ae> %cn <%ce>%n%B", "main"); got !=
		"kasou <kasou@example.com> kasou <kasou@example.com>\nBuild one (spec)\n\n- one: spec\n\nKasou-Inputs: "+before+
			"\nKasou-Tool: helm v3.22.0\n\n" {
		t.Errorf("the commit says:\n%s", got)
	}
	if got := p.git("status", "--porcelain", "--branch"); got != "## main...origin/main\n" {
		t.Errorf("git status: %s", got)
	}
	if again := mustPublish(t, at(p.dir)); again.Commit != "" {
		t.Errorf("a second run published %+v", again)
	}
	s.wantPublished(t, 1)
	if refs := p.git("for-each-ref", "refs/kasou"); refs != "" {
		t.Errorf("refs left behind: %s", refs)
	}
}

func TestDeletions(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	mustPublish(t, at(p.dir))
	p.git("rm", "--quiet", "clusters/one/spec.yaml")
	p.git("commit", "--quiet", "--message", "Retire one")
	p.commit("clusters/two/spec.yaml", "two")
	mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	if got := s.files(t); !slices.Equal(got, []string{"clusters/two/out.yaml", "clusters/two/spec.yaml"}) {
		t.Errorf("files %q", got)
	}
}

func TestWhatPeopleAreAtIsLeftAlone(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	p.commit("README.md", "as committed")
	p.commit("notes.md", "as committed")
	p.push()
	write(t, p.dir, "README.md", "not yet committed")
	write(t, p.dir, "notes.md", "staged")
	p.git("add", "notes.md")
	write(t, p.dir, "todo.txt", "untracked")
	write(t, p.dir, "clusters/one/spec.yaml", "edited, not committed")
	write(t, p.dir, "clusters/new/spec.yaml", "never committed")
	mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	s.wantPublished(t, 1)
	if got := s.file(t, "clusters/one/out.yaml"); got != "generated from one" {
		t.Errorf("published what was built from an uncommitted spec: %q", got)
	}
	if slices.Contains(s.files(t), "clusters/new/out.yaml") {
		t.Error("published a cluster whose spec is not committed")
	}
	for file, want := range map[string]string{
		"README.md": "not yet committed", "notes.md": "staged", "todo.txt": "untracked",
		"clusters/one/spec.yaml": "edited, not committed",
	} {
		if got := p.read(file); got != want {
			t.Errorf("%s is now %q", file, got)
		}
	}
	if got := p.git("diff", "--cached", "--name-only"); got != "notes.md\n" {
		t.Errorf("staged: %q", got)
	}
}

func TestUnrelatedDirtStaysWhenTheWorkingCopyFollows(t *testing.T) {
	s := newServer(t)
	p, other := s.clone(t), s.clone(t)
	p.commit("README.md", "as committed")
	p.push()
	other.git("pull", "--quiet")
	other.commit("clusters/two/spec.yaml", "two")
	other.push()
	write(t, p.dir, "README.md", "not yet committed")
	mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	if got := p.git("status", "--porcelain"); got != " M README.md\n" {
		t.Errorf("git status: %q", got)
	}
	if got := p.read("clusters/two/out.yaml"); got != "generated from two" {
		t.Errorf("the working copy did not follow: %q", got)
	}
}

func TestTheWorkingCopyFollowsOverWhatTheBuildWrote(t *testing.T) {
	s := newServer(t)
	p, other := s.clone(t), s.clone(t)
	other.commit("clusters/one/spec.yaml", "changed meanwhile")
	other.push()
	mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	if got := p.git("status", "--porcelain", "--branch"); got != "## main...origin/main\n" {
		t.Errorf("git status: %q", got)
	}
	if got := p.read("clusters/one/out.yaml"); got != "generated from changed meanwhile" {
		t.Errorf("the working copy has %q", got)
	}
}

func TestWhereAPersonsFileIsInTheWayTheWorkingCopyStays(t *testing.T) {
	s := newServer(t)
	p, other := s.clone(t), s.clone(t)
	other.commit("README.md", "theirs")
	other.push()
	write(t, p.dir, "README.md", "mine, untracked")
	mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	if got := p.read("README.md"); got != "mine, untracked" {
		t.Errorf("README.md is now %q", got)
	}
	if got := p.git("diff", "--cached", "--name-only"); got != "" {
		t.Errorf("staged: %q", got)
	}
}

func TestPushesBetweenBuildAndPush(t *testing.T) {
	for _, c := range []struct {
		name      string
		injected  string
		published int
	}{
		{"none", "0", 1}, {"one", "1", 1}, {"three", "3", 1}, {"nine", "9", 1}, {"eleven", "11", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			write(t, s.repo, "inject", c.injected)
			s.hook(t, "pre-receive", injecting)
			p := s.clone(t)
			before := s.tip(t)
			r, err := publish(t, at(p.dir))
			s.wantPublished(t, c.published)
			command(t, s.repo, "git", "merge-base", "--is-ancestor", before, "main")
			if c.published == 0 {
				wantKind(t, err, Contended, "10 tries")
				if got := len(s.subjects(t)); got != 11 {
					t.Errorf("%d commits on main, want the first and ten injected ones", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			s.wantConsistent(t)
			if got := p.git("status", "--porcelain", "--branch"); got != "## main...origin/main\n" || r.Commit != s.tip(t) {
				t.Errorf("git status: %s", got)
			}
		})
	}
}

func TestPushesBeforeTheServerNamesItsRefs(t *testing.T) {
	s := newServer(t)
	p, other := s.clone(t), s.clone(t)
	left := 3
	s.beforePush = func() int {
		if left > 0 {
			left--
			other.commit("clusters/two/spec.yaml", strings.Repeat("two", left+1))
			command(t, other.dir, "git", "push", "--quiet", s.repo, "HEAD:main")
		}
		return 0
	}
	r := mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	s.wantPublished(t, 1)
	if r.Tries != 4 || s.subjects(t)[3] != "Change clusters/two/spec.yaml" {
		t.Errorf("%+v, %q", r, s.subjects(t))
	}
}

func TestAPersonBreaksASpecMeanwhile(t *testing.T) {
	s := newServer(t)
	p, other := s.clone(t), s.clone(t)
	other.commit("clusters/two/spec.yaml", "broken")
	other.push()
	_, err := publish(t, at(p.dir))
	found, ok := errors.AsType[*FindingsError](err)
	if !ok || len(found.Findings) != 1 || found.Findings[0].File != "clusters/two/spec.yaml" || found.Commit != s.tip(t) {
		t.Fatalf("got %v", err)
	}
	s.wantPublished(t, 0)
}

func TestAnswerLost(t *testing.T) {
	for _, c := range []struct {
		name string
		cut  int
		hook string
	}{
		{"once", 1, ""},
		{"and a person pushes on top", 1, "echo 1 >inject\n" + injecting},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			if c.hook != "" {
				s.hook(t, "post-receive", c.hook)
			}
			p := s.clone(t)
			s.cut = c.cut
			r := mustPublish(t, at(p.dir))
			s.wantPublished(t, 1)
			if on := s.tip(t) != r.Commit; r.Tries != 2 || on != (c.hook != "") {
				t.Errorf("%+v, tip %s", r, s.tip(t))
			}
			command(t, s.repo, "git", "merge-base", "--is-ancestor", r.Commit, "main")
		})
	}
}

func TestParallelPublishers(t *testing.T) {
	s := newServer(t)
	var all []person
	for _, name := range []string{"a", "b", "c"} {
		p := s.clone(t)
		p.commit("clusters/"+name+"/spec.yaml", name)
		p.git("pull", "--quiet", "--rebase")
		p.push()
		all = append(all, p)
	}
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(func() {
			if _, err := publish(t, at(p.dir)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.wantConsistent(t)
	for _, name := range []string{"a", "b", "c"} {
		if !slices.Contains(s.subjects(t), "Change clusters/"+name+"/spec.yaml") {
			t.Errorf("the commit of %s is lost: %q", name, s.subjects(t))
		}
	}
	if n := s.published(t); n < 1 || n > 3 {
		t.Errorf("%d commits by kasou", n)
	}
}

func TestACommitWhileTheBuildRuns(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	pub, err := Open(t.Context(), at(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	built, _ := build(t.Context(), p.dir)
	p.commit("clusters/one/spec.yaml", "changed after it was read")
	p.push()
	r, err := pub.Publish(t.Context(), built, build)
	if err != nil || r.Commit == "" {
		t.Fatal(r, err)
	}
	s.wantConsistent(t)
	s.wantPublished(t, 1)
}

func TestASpecCommittedAfterItWasBuiltAndNotPushed(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	write(t, p.dir, "clusters/one/spec.yaml", "edited")
	pub, err := Open(t.Context(), at(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	built, _ := build(t.Context(), p.dir)
	p.commit("clusters/one/spec.yaml", "edited")
	if _, err := pub.Publish(t.Context(), built, build); err != nil {
		t.Fatal(err)
	}
	s.wantConsistent(t)
	if got := p.git("log", "-1", "--format=%s"); got != "Change clusters/one/spec.yaml\n" {
		t.Errorf("the person's commit is no longer checked out: %s", got)
	}
}

func TestCancelledWhileWaiting(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	s.beforePush = func() int { return 503 }
	o := at(p.dir)
	ctx, cancel := context.WithCancel(t.Context())
	o.Wait = func(ctx context.Context, try int) error { cancel(); return Backoff(ctx, try) }
	pub, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	built, _ := build(ctx, p.dir)
	if _, err := pub.Publish(ctx, built, build); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "kasou-[ip]*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
