package publish

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlacesToPublishFrom(t *testing.T) {
	for _, c := range []struct {
		name  string
		clone []string
		// setup readies the clone; where it is nil, a person pushes after the clone.
		setup func(p *person, o *Options)
	}{
		{"shallow clone", []string{"--depth", "1"}, func(*person, *Options) {}},
		{"shallow clone that is behind", []string{"--depth", "1"}, nil},
		{"clone without blobs", []string{"--filter=blob:none"}, func(*person, *Options) {}},
		{"clone without blobs that is behind", []string{"--filter=blob:none"}, nil},
		{"detached at a commit of the branch", nil, func(p *person, o *Options) {
			p.git("checkout", "--quiet", "--detach")
			o.Branch = "main"
		}},
		{"linked worktree", nil, func(p *person, o *Options) {
			tree := filepath.Join(p.t.TempDir(), "linked")
			p.git("worktree", "add", "--quiet", "-b", "linked", tree, "origin/main")
			o.Root, p.dir = tree, tree
		}},
		{"branch of another name than its upstream", nil, func(p *person, _ *Options) {
			p.git("checkout", "--quiet", "-b", "work", "--track", "origin/main")
		}},
		{"a commit not yet pushed", nil, func(p *person, _ *Options) { p.commit("clusters/two/spec.yaml", "two") }},
		{"hooks of the working copy that refuse and change", nil, func(p *person, _ *Options) {
			for _, hook := range []string{"pre-commit", "commit-msg", "pre-push", "reference-transaction"} {
				write(p.t, filepath.Join(p.dir, ".git", "hooks"), hook, "#!/bin/sh\nexit 1\n")
				_ = os.Chmod(filepath.Join(p.dir, ".git", "hooks", hook), 0o755)
			}
		}},
		{"sparse checkout", nil, func(p *person, _ *Options) {
			p.commit("clusters/two/spec.yaml", "two")
			p.commit("clusters/two/out.yaml", "generated from two")
			p.commit("docs/a.md", "a")
			p.git("sparse-checkout", "set", "docs")
		}},
		{"line ends converted", nil, func(p *person, _ *Options) {
			p.commit("clusters/two/spec.yaml", "two\nlines\n")
			p.git("config", "core.autocrlf", "true")
			write(p.t, p.dir, "clusters/two/spec.yaml", "two\r\nlines\r\n")
		}},
		{"generated files that git ignores", nil, func(p *person, _ *Options) { p.commit(".gitignore", "out.yaml\n") }},
		{"a cluster that git ignores", nil, func(p *person, _ *Options) {
			p.commit(".gitignore", "clusters/secret\n")
			write(p.t, p.dir, "clusters/secret/spec.yaml", "not for others")
		}},
		{"git variables of an outer git", nil, func(p *person, _ *Options) {
			p.t.Setenv("GIT_DIR", "/nowhere")
			p.t.Setenv("GIT_INDEX_FILE", "/nowhere/index")
			p.t.Setenv("GIT_WORK_TREE", "/nowhere")
		}},
		{"another language", nil, func(p *person, _ *Options) { p.t.Setenv("LC_ALL", "de_DE.UTF-8"); p.t.Setenv("LANGUAGE", "de") }},
		{"an upload that the person configured as forced", nil, func(p *person, _ *Options) {
			p.git("config", "remote.origin.push", "+refs/heads/*:refs/heads/*")
			p.git("config", "push.followTags", "true")
			p.git("config", "fetch.prune", "true")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			other := s.clone(t)
			other.commit("clusters/three/spec.yaml", "three")
			other.push()
			p := s.clone(t, c.clone...)
			o := at(p.dir)
			p.t = t
			if c.setup != nil {
				c.setup(&p, &o)
			} else {
				other.commit("clusters/four/spec.yaml", "four")
				other.push()
			}
			_, err := publish(t, o)
			for _, name := range []string{"GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE"} {
				os.Unsetenv(name)
			}
			if err != nil {
				t.Fatal(err)
			}
			s.wantConsistent(t)
			s.wantPublished(t, 1)
			if out := strings.Join(s.files(t), " "); strings.Contains(out, "secret") {
				t.Error("published what was built from an ignored spec")
			}
		})
	}
}

func TestBytesAreKeptWhateverTheFilters(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	p.commit(".gitattributes", "*.yaml text=auto\nout.yaml filter=shout\n")
	p.git("config", "filter.shout.clean", "tr a-z A-Z")
	p.commit("clusters/two/spec.yaml", "two\n")
	pub, err := Open(t.Context(), at(p.dir))
	if err != nil {
		t.Fatal(err)
	}
	write(t, p.dir, "clusters/two/out.yaml", "a chart's line\r\nand another\n")
	if _, err := pub.Publish(t.Context(), Built{Files: []string{"clusters/two/out.yaml"}}, build); err != nil {
		t.Fatal(err)
	}
	if got := s.file(t, "clusters/two/out.yaml"); got != "a chart's line\r\nand another\n" {
		t.Errorf("published %q", got)
	}
}

func TestALockedIndexKeepsOnlyTheWorkingCopyBehind(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	head := p.git("rev-parse", "HEAD")
	write(t, p.dir, ".git/index.lock", "")
	var log strings.Builder
	o := at(p.dir)
	o.Log = func(line string) { log.WriteString(line + "\n") }
	mustPublish(t, o)
	s.wantConsistent(t)
	if !strings.Contains(log.String(), "index.lock") || p.git("rev-parse", "HEAD") != head {
		t.Errorf("log:\n%s", log.String())
	}
}

func TestOwnIdentityOfGit(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	p.git("config", "user.name", "Ann Own")
	p.git("config", "user.email", "ann@example.com")
	o := at(p.dir)
	o.Author = Identity{}
	mustPublish(t, o)
	if got := command(t, s.repo, "git", "log", "-1", "--format=%an <%ae>", "main"); got != "Ann Own <ann@example.com>\n" {
		t.Errorf("author %s", got)
	}
}

func TestSignsWherePeopleSign(t *testing.T) {
	s := newServer(t)
	p := s.clone(t)
	key := filepath.Join(t.TempDir(), "key")
	command(t, p.dir, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	p.git("config", "gpg.format", "ssh")
	p.git("config", "user.signingKey", key)
	p.git("config", "commit.gpgSign", "true")
	mustPublish(t, at(p.dir))
	if got := command(t, s.repo, "git", "cat-file", "commit", "main"); !strings.Contains(got, "BEGIN SSH SIGNATURE") {
		t.Errorf("not signed:\n%s", got)
	}
}

func TestHistoryThatAPersonRewroteIsNotUndone(t *testing.T) {
	s := newServer(t)
	p, other := s.clone(t), s.clone(t)
	pushed := false
	s.beforePush = func() int {
		if !pushed {
			pushed = true
			other.git("commit", "--quiet", "--amend", "--message", "Begin anew")
			command(t, other.dir, "git", "push", "--quiet", "--force", s.repo, "HEAD:main")
		}
		return 0
	}
	mustPublish(t, at(p.dir))
	s.wantConsistent(t)
	if got := s.subjects(t)[0]; got != "Begin anew" {
		t.Errorf("history %q", s.subjects(t))
	}
}
