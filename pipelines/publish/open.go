package publish

import (
	"cmp"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

func notReady(message, hint string) error {
	return &Error{Kind: NotReady, Message: message, Hint: hint}
}

// findRepository makes sure that Root is the top of a working copy.
func (p *Publisher) findRepository(ctx context.Context) error {
	if _, err := exec.LookPath("git"); err != nil {
		return notReady("the git command is not there", "Install git, 2.29 or later")
	}
	out, err := p.git.line(ctx, "rev-parse", "--is-inside-work-tree", "--absolute-git-dir", "--show-prefix")
	var f *failure
	switch {
	case errors.As(err, &f) && strings.Contains(f.stderr, "dubious ownership"):
		return notReady("git does not trust the repository, because it belongs to another user",
			"Run git config --global --add safe.directory '"+p.Root+"'")
	case errors.As(err, &f):
		return notReady("there is no git working copy: "+lastWords(f.stderr), "Publish from a clone of the repository")
	case err != nil:
		return err
	}
	answers := strings.Split(out, "\n")
	if answers[0] != "true" {
		return notReady("the repository is bare: it has no working copy", "Publish from a clone of it")
	}
	if len(answers) > 2 && answers[2] != "" {
		return notReady("the folder is not the top of its git working copy, but "+strings.TrimSuffix(answers[2], "/")+" in it",
			"Publish from the top")
	}
	p.git = p.git.with("GIT_DIR="+answers[1], "GIT_WORK_TREE="+p.Root)
	return nil
}

func (p *Publisher) findHead(ctx context.Context) error {
	head, there, err := p.git.ask(ctx, "rev-parse", "--quiet", "--verify", "HEAD^{commit}")
	if err == nil && !there {
		return notReady("the repository has no commit yet", "Commit fleet.yaml and the specs first")
	}
	p.head = head
	return err
}

// unfinished are the files and folders in a git folder that stand while a
// person is in the middle of something.
var unfinished = []struct{ name, what string }{
	{"MERGE_HEAD", "merge"}, {"rebase-merge", "rebase"}, {"rebase-apply", "rebase"},
	{"CHERRY_PICK_HEAD", "cherry-pick"}, {"REVERT_HEAD", "revert"}, {"BISECT_LOG", "bisect"},
}

func (p *Publisher) refuseUnfinished(ctx context.Context) error {
	for _, u := range unfinished {
		file, err := p.git.line(ctx, "rev-parse", "--git-path", u.name)
		if err != nil {
			return err
		}
		if !filepath.IsAbs(file) {
			file = filepath.Join(p.Root, file)
		}
		if _, err := os.Lstat(file); err == nil {
			return notReady("a "+u.what+" is in progress here", "Finish it, or abort it, and run this again")
		}
	}
	return nil
}

// findBranch finds where to push to, and whether the branch checked out is the
// one.
func (p *Publisher) findBranch(ctx context.Context) error {
	local, attached, err := p.git.ask(ctx, "symbolic-ref", "--quiet", "HEAD")
	if err != nil {
		return err
	}
	p.Branch = strings.TrimPrefix(p.Branch, "refs/heads/")
	if !attached {
		if p.Branch == "" {
			return notReady("no branch is checked out (HEAD is detached), so it is open where to push to",
				"Check out the branch. A build for a pull request only checks: publish nothing there")
		}
		return nil
	}
	p.local = local
	name := strings.TrimPrefix(local, "refs/heads/")
	upstream, _, err := p.git.ask(ctx, "config", "branch."+name+".merge")
	if err != nil {
		return err
	}
	target := cmp.Or(strings.TrimPrefix(upstream, "refs/heads/"), name)
	p.Branch = cmp.Or(p.Branch, target)
	p.home = p.Branch == target
	return nil
}

func (p *Publisher) findRemote(ctx context.Context) error {
	if p.Remote == "" && p.local != "" {
		remote, _, err := p.git.ask(ctx, "config", "branch."+strings.TrimPrefix(p.local, "refs/heads/")+".remote")
		if err != nil {
			return err
		}
		p.Remote = remote
	}
	p.Remote = cmp.Or(p.Remote, "origin")
	_, err := p.git.line(ctx, "remote", "get-url", "--push", "--", p.Remote)
	if _, ok := errors.AsType[*failure](err); ok {
		return notReady("the repository has no remote "+scrub(p.Remote)+" to push to", "Add it by git remote add")
	}
	return err
}

// findIdentity takes the identity from the options, else from git, but never
// one that git makes up from the names of the user and the machine.
func (p *Publisher) findIdentity(ctx context.Context) error {
	for _, who := range []Identity{p.Author, p.Committer} {
		if (who.Name == "") != (who.Email == "") {
			return notReady("an author or committer needs a name and an email address", "Give both")
		}
	}
	if p.Author != (Identity{}) {
		p.Committer = cmp.Or(p.Committer, p.Author)
		p.git = p.git.with("GIT_AUTHOR_NAME="+p.Author.Name, "GIT_AUTHOR_EMAIL="+p.Author.Email)
	}
	if p.Committer != (Identity{}) {
		p.git = p.git.with("GIT_COMMITTER_NAME="+p.Committer.Name, "GIT_COMMITTER_EMAIL="+p.Committer.Email)
	}
	for _, name := range []string{"GIT_AUTHOR_IDENT", "GIT_COMMITTER_IDENT"} {
		_, err := p.git.line(ctx, "-c", "user.useConfigOnly=true", "var", name)
		if _, ok := errors.AsType[*failure](err); ok {
			return notReady("git does not know who commits: no usable name and email address",
				"Set user.name and user.email by git config, or name an author")
		}
		if err != nil {
			return err
		}
	}
	sign, _, err := p.git.ask(ctx, "config", "--type=bool", "commit.gpgSign")
	p.sign = sign == "true"
	return err
}
