package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheServerRefuses(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(t *testing.T, s *server)
		kind  Kind
		words string
	}{
		{"protected branch, by the update hook", func(t *testing.T, s *server) {
			s.hook(t, "update", "echo 'error: GH006: Protected branch update failed for refs/heads/main.' >&2; exit 1\n")
		}, Protected, "GH006"},
		{"by the pre-receive hook, in words that are other errors'", func(t *testing.T, s *server) {
			s.hook(t, "pre-receive", "echo 'stale info, fetch first, returned error: 403' >&2; exit 1\n")
		}, Protected, "pre-receive hook declined"},
		{"the branch is deleted before the refs are named", func(t *testing.T, s *server) {
			s.beforePush = func() int { deleteMain(t, s); return 0 }
		}, Gone, "does not exist, or no longer"},
		{"the branch is deleted during the push", func(t *testing.T, s *server) {
			s.hook(t, "pre-receive", "unset GIT_QUARANTINE_PATH\ngit update-ref -d refs/heads/main\n")
		}, Gone, "does not exist, or no longer"},
		{"token that may only read", func(_ *testing.T, s *server) {
			s.beforePush = func() int { return 403 }
		}, Denied, "contents: write"},
		{"no credentials", func(_ *testing.T, s *server) {
			s.beforePush = func() int { return 401 }
		}, Denied, "contents: write"},
		{"not found", func(_ *testing.T, s *server) {
			s.beforePush = func() int { return 404 }
		}, Denied, "credentials"},
		{"the server fails", func(_ *testing.T, s *server) {
			s.beforePush = func() int { return 502 }
		}, Network, "in 10 tries"},
		{"the server is gone", func(_ *testing.T, s *server) { s.http.Close() }, Network, "in 10 tries"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			p := s.clone(t)
			head := p.git("rev-parse", "HEAD")
			c.setup(t, s)
			_, err := publish(t, at(p.dir))
			wantKind(t, err, c.kind, c.words)
			if log := command(t, s.repo, "git", "log", "--all", "--format=%ae"); strings.Contains(log, robot.Email) {
				t.Error("a commit by kasou is in a branch of the server")
			}
			if p.git("rev-parse", "HEAD") != head || p.git("diff", "--cached", "--name-only") != "" {
				t.Error("the working copy's branch or index has changed")
			}
			if c.kind == Gone && command(t, s.repo, "git", "for-each-ref") != "" {
				t.Error("the branch was created again")
			}
		})
	}
}

func deleteMain(t *testing.T, s *server) {
	command(t, s.repo, "git", "update-ref", "-d", "refs/heads/main")
}

func TestTheWorkingCopyIsNotReady(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(p person, o *Options)
		words string
	}{
		{"detached HEAD", func(p person, _ *Options) { p.git("checkout", "--quiet", "--detach") }, "HEAD is detached"},
		{"merge in progress", func(p person, _ *Options) {
			p.git("checkout", "--quiet", "-b", "side")
			p.commit("a.txt", "side")
			p.git("checkout", "--quiet", "main")
			p.commit("b.txt", "main")
			p.git("merge", "--quiet", "--no-commit", "--no-ff", "side")
		}, "a merge is in progress"},
		{"rebase in progress", func(p person, o *Options) {
			p.commit("a.txt", "a")
			p.git("-c", "sequence.editor=sed -i s/pick/edit/", "rebase", "--quiet", "--interactive", "HEAD~1")
			o.Branch = "main"
		}, "a rebase is in progress"},
		{"no identity", func(_ person, o *Options) { o.Author = Identity{} }, "user.name"},
		{"half an identity", func(_ person, o *Options) { o.Author = Identity{Name: "kasou"} }, "email"},
		{"no remote", func(p person, _ *Options) { p.git("remote", "remove", "origin") }, "no remote origin"},
		{"a remote that is not there", func(_ person, o *Options) { o.Remote = "upstream" }, "no remote upstream"},
		{"no repository", func(p person, o *Options) { o.Root = p.t.TempDir() }, "no git working copy"},
		{"bare repository", func(p person, o *Options) {
			o.Root = p.t.TempDir()
			command(p.t, o.Root, "git", "init", "--quiet", "--bare")
		}, "bare"},
		{"no commit", func(p person, o *Options) {
			o.Root = p.t.TempDir()
			command(p.t, o.Root, "git", "init", "--quiet")
		}, "no commit yet"},
		{"not the top", func(p person, o *Options) { o.Root = filepath.Join(p.dir, "clusters") }, "not the top"},
		{"signing without a key", func(p person, _ *Options) {
			p.git("config", "commit.gpgSign", "true")
			p.git("config", "gpg.program", "false")
		}, "could not be signed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			p := s.clone(t)
			o := at(p.dir)
			c.setup(p, &o)
			if o.Author == (Identity{}) {
				t.Setenv("EMAIL", "")
			}
			_, err := publish(t, o)
			wantKind(t, err, NotReady, c.words)
			s.wantPublished(t, 0)
		})
	}
}

func TestCommitsThatAreNotTheBranchs(t *testing.T) {
	for _, c := range []struct {
		name  string
		setup func(s *server, p, other person, o *Options)
		words string
	}{
		{"a pull request's commit, detached, with the branch named", func(_ *server, p, _ person, o *Options) {
			p.git("checkout", "--quiet", "--detach")
			p.commit("a.txt", "proposed")
			o.Branch = "main"
		}, "not part of the branch main"},
		{"another branch", func(_ *server, p, _ person, o *Options) {
			p.git("checkout", "--quiet", "-b", "side")
			p.commit("a.txt", "side")
			o.Branch = "main"
		}, "not part of the branch main"},
		{"others push meanwhile, and here is a commit that is not pushed", func(s *server, p, _ person, _ *Options) {
			write(p.t, s.repo, "inject", "1")
			s.hook(p.t, "pre-receive", injecting)
			p.commit("clusters/two/spec.yaml", "two")
		}, "git pull"},
		{"diverged", func(_ *server, p, other person, _ *Options) {
			other.commit("a.txt", "theirs")
			other.push()
			p.commit("b.txt", "mine")
		}, "git pull"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			p, other := s.clone(t), s.clone(t)
			o := at(p.dir)
			c.setup(s, p, other, &o)
			_, err := publish(t, o)
			wantKind(t, err, Diverged, c.words)
			s.wantPublished(t, 0)
		})
	}
}

func TestABranchThatWasNeverPushed(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	p.git("checkout", "--quiet", "-b", "mine")
	_, err := publish(t, at(p.dir))
	wantKind(t, err, Gone, "Push the branch")
}

func TestNoCredentialInAnyMessage(t *testing.T) {
	const secret = "ghp_canary0123456789"
	for _, status := range []int{401, 403, 404, 500} {
		s := newServer(t)
		p := s.clone(t)
		withSecret := strings.Replace(s.url, "http://", "http://robot:"+secret+"@", 1)
		p.git("remote", "set-url", "origin", withSecret)
		s.beforePush = func() int { return status }
		var log strings.Builder
		o := at(p.dir)
		o.Remote = "origin"
		o.Log = func(line string) { log.WriteString(line + "\n") }
		t.Setenv("GIT_TRACE", "1")
		t.Setenv("GIT_CURL_VERBOSE", "1")
		_, err := publish(t, o)
		if err == nil || strings.Contains(err.Error()+log.String(), secret) {
			t.Errorf("%d: %v\n%s", status, err, log.String())
		}
		_, err = publish(t, Options{Root: p.dir, Author: robot, Remote: withSecret, Log: o.Log, Wait: o.Wait})
		if err == nil || strings.Contains(err.Error()+log.String(), secret) {
			t.Errorf("remote by URL, %d: %v\n%s", status, err, log.String())
		}
	}
}

func TestRebuildCannotFinish(t *testing.T) {
	s := newServer(t)
	p, other := s.clone(t), s.clone(t)
	other.commit("a.txt", "a")
	other.push()
	pub, err := Open(t.Context(), at(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	built, _ := build(t.Context(), p.dir)
	lost := errors.New("the engine is gone")
	_, err = pub.Publish(t.Context(), built, func(context.Context, string) (Built, error) { return Built{}, lost })
	if !errors.Is(err, lost) {
		t.Errorf("got %v", err)
	}
	s.wantPublished(t, 0)
}

func TestAFileThatIsNoneIsNotPublished(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	if err := os.Symlink("/etc/passwd", filepath.Join(p.dir, "clusters", "link.yaml")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"clusters/link.yaml", "../outside.yaml", "clusters/a\nb.yaml"} {
		pub, err := Open(t.Context(), at(p.dir))
		if err != nil {
			t.Fatal(err)
		}
		built := Built{Files: []string{file, "clusters/link.yaml"}}
		_, err = pub.Publish(t.Context(), built, func(context.Context, string) (Built, error) { return built, nil })
		if err == nil || !strings.Contains(err.Error(), "cannot be published") {
			t.Errorf("%q: %v", file, err)
		}
	}
	s.wantPublished(t, 0)
}
