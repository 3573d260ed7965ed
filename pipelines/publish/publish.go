// Package publish commits a built tree and pushes it, by the git command. It
// never merges, rebases or forces: when others were faster, the tree is built
// again on what they pushed. Until its push is accepted, no branch, no index
// and no file of the working copy has changed.
package publish

import (
	"context"

	"kasou/pipelines/finding"
)

// Identity is who a commit is from.
type Identity struct{ Name, Email string }

// Options say what is published, whence and where to.
type Options struct {
	// Root is the top level of a git working copy, absolute.
	Root string
	// Inputs are the folders and files that builds read, from Root: the clusters
	// folder, local charts. An ignored file in one of them is one that others
	// don't have, so the tree is not published as it is on disk.
	Inputs []string
	// Author and Committer of the commit. Default: git's own configuration; the
	// committer defaults to the author.
	Author, Committer Identity
	// Remote to push to. Default: that of the branch's upstream, else origin.
	Remote string
	// Branch to push to. Default: the upstream of the branch that is checked
	// out, else the branch of its name.
	Branch string
	// Log hears one line for each step worth knowing; nil where nobody listens.
	Log func(line string)
	// Wait is called before try number 2 and up. Default: Backoff.
	Wait func(ctx context.Context, try int) error
}

// Built is what a build gives to be published.
type Built struct {
	// Files are the generated files, from the root, slash-separated: those that
	// differ from what is committed, and any others. One that is not on disk is
	// deleted. No other file is ever committed.
	Files []string
	// Message says what has changed and why.
	Message Message
	// Findings with an error keep everything from being published.
	Findings finding.List
}

// Rebuild builds the fleet below root, a fresh checkout that is not a git working
// copy and goes away afterwards. Findings go into Built; an error is a build
// that could not be finished.
type Rebuild func(ctx context.Context, root string) (Built, error)

// Result says what was published.
type Result struct {
	// Commit is the id of the commit; empty where nothing had changed.
	Commit string
	// Inputs is the commit that the tree was built from, and the parent.
	Inputs string
	// Branch and Remote are where it went.
	Branch, Remote string
	// Tries counts how often it took, from 1.
	Tries int
}

// Publisher publishes from one working copy.
type Publisher struct {
	Options
	git git
	// head is HEAD when Open looked, and local the branch checked out then, as a
	// full ref; empty where HEAD is detached.
	head, local string
	// home says that local is the branch to publish to.
	home bool
	sign bool
}

// Open checks everything that publishing needs and that is known without a
// network, so that no long build is made in vain. Call it before the build: the
// tree on disk is taken for one built from the commit checked out now. What is
// wrong is an *Error.
func Open(ctx context.Context, o Options) (*Publisher, error) {
	if o.Log == nil {
		o.Log = func(string) {}
	}
	if o.Wait == nil {
		o.Wait = Backoff
	}
	p := &Publisher{Options: o, git: newGit(o.Root)}
	for _, step := range []func(context.Context) error{
		p.findRepository, p.findHead, p.refuseUnfinished, p.findBranch, p.findRemote, p.findIdentity,
	} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Publish makes one commit of the built files and pushes it, with up to ten
// tries. built is what a build in the working copy gave. It is committed as it
// is on disk if the rest of the working copy is as committed and the branch has
// not moved; otherwise rebuild makes the tree anew from the branch's tip.
// Afterwards the working copy has the commit, unless files that people changed
// are in the way.
//
// Where nothing has changed there is no commit and Result.Commit is empty. The
// error is a *FindingsError for a tree that must not be published, an *Error
// for a push that was refused or could not be finished, ctx's, or rebuild's.
func (p *Publisher) Publish(ctx context.Context, built Built, rebuild Rebuild) (Result, error) {
	if built.Findings.Failed() {
		return Result{}, &FindingsError{Commit: p.head, Findings: built.Findings}
	}
	j := &job{Publisher: p, built: built, rebuild: rebuild, mine: map[string]bool{}, to: branch{git: p.git, remote: p.Remote, name: p.Branch}}
	for _, file := range built.Files {
		j.mine[file] = true
	}
	nothing, err := j.fromDisk(ctx)
	if err != nil || nothing {
		return Result{}, err
	}
	defer j.to.drop(context.WithoutCancel(ctx))
	return j.tryAll(ctx)
}
