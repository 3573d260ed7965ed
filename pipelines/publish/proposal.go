package publish

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Proposal is a branch of kasou's own, which a pull request proposes to merge: one
// commit on what is checked out. It is the only branch whose history kasou rewrites,
// and never over a person's commit.
type Proposal struct {
	*Publisher
	// Name of the branch.
	Name string
	// Foreign says why the branch on the server is not kasou's to change; empty
	// where it is.
	Foreign string
	// server is the branch there, and base the commit that it was built on; the tip and
	// base are empty where there is none.
	server branch
	base   string
}

// Propose looks at a branch on the server. What is wrong is an *Error.
func (p *Publisher) Propose(ctx context.Context, name string) (*Proposal, error) {
	b := &Proposal{Publisher: p, Name: name, server: branch{git: p.git, remote: p.Remote, name: name}}
	out, err := p.git.run(ctx, nil, "ls-remote", "--heads", "--", p.Remote, "refs/heads/"+name)
	if err != nil {
		_, err = judge(err)
		return nil, err
	}
	if out == "" {
		return b, nil
	}
	if err := b.server.fetch(ctx); err != nil {
		_, err = judge(err)
		return nil, err
	}
	defer b.server.drop(context.WithoutCancel(ctx))
	return b, b.look(ctx)
}

// look finds whether the tip is one commit of kasou's, or is merged.
func (b *Proposal) look(ctx context.Context) error {
	if merged, err := b.git.ancestor(ctx, b.server.tip, b.head); err != nil || merged {
		return err
	}
	line, err := b.git.line(ctx, "log", "-1", "--format=%P%x09%(trailers:key=Kasou-Inputs,valueonly,separator=%x2C)", b.server.tip)
	if err != nil {
		return err
	}
	parents, inputs, _ := strings.Cut(line, "\t")
	if parents == "" || parents != strings.TrimSpace(inputs) {
		b.Foreign = "somebody else has committed to the branch " + b.Name
		return nil
	}
	b.base = parents
	return nil
}

// Overlay writes the files that the branch changes into dir, a working copy of what
// is checked out, so that a build keeps what is sealed there. It returns their paths,
// and none where the branch has nothing that fits: where one of them has changed
// since.
func (b *Proposal) Overlay(ctx context.Context, dir string) ([]string, error) {
	if b.base == "" || b.Foreign != "" {
		return nil, nil
	}
	paths, err := b.changed(ctx, b.base, b.server.tip)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	since, err := b.changed(ctx, b.base, b.head)
	if err != nil || slices.ContainsFunc(since, func(path string) bool { return slices.Contains(paths, path) }) {
		return nil, err
	}
	g := newGit(dir)
	_, err = g.run(ctx, []byte(strings.Join(paths, "\x00")), "checkout", "--quiet", "--no-overlay", "--pathspec-from-file=-", "--pathspec-file-nul", b.server.tip)
	if err != nil {
		return nil, err
	}
	_, err = g.run(ctx, nil, "reset", "--quiet") // they are changes, not committed ones
	return paths, err
}

// Push makes one commit of all that differs in dir, a working copy of what is checked
// out, and moves the branch there. It returns false where the branch has that change
// already, or where nothing differs. What is wrong is an *Error.
func (b *Proposal) Push(ctx context.Context, dir string, message Message) (bool, error) {
	if b.Foreign != "" {
		return false, &Error{Kind: Diverged, Message: b.Foreign, Hint: "Merge its pull request, or delete the branch: kasou makes it anew"}
	}
	files, err := newGit(dir).differing(ctx)
	if err != nil {
		return false, err
	}
	made, err := b.commitFiles(ctx, dir, Built{Files: files, Message: message}, b.head)
	if err != nil || made == nil {
		return false, err
	}
	if b.base != "" {
		old, err := b.change(ctx, b.base, b.server.tip)
		if err != nil {
			return false, err
		}
		now, err := b.change(ctx, b.head, made.id)
		if err != nil || old == now {
			return false, err
		}
	}
	return true, b.move(ctx, made.id)
}

// changed returns the paths that differ between two commits.
func (b *Proposal) changed(ctx context.Context, from, to string) ([]string, error) {
	out, err := b.git.run(ctx, nil, "diff-tree", "-r", "-z", "--name-only", "--no-renames", from, to)
	return fields(out), err
}

// change returns what a commit does to its parent: the path of each file, and its
// digests before and after.
func (b *Proposal) change(ctx context.Context, base, tip string) (string, error) {
	return b.git.run(ctx, nil, "diff-tree", "-r", "--raw", "--no-abbrev", "--no-renames", base, tip)
}

// Branches returns the names of the branches on the server below a prefix, which ends
// with a slash. What is wrong is an *Error.
func (p *Publisher) Branches(ctx context.Context, prefix string) ([]string, error) {
	out, err := p.git.run(ctx, nil, "ls-remote", "--heads", "--", p.Remote, "refs/heads/"+prefix+"*")
	if err != nil {
		_, err = judge(err)
		return nil, err
	}
	var names []string
	for line := range strings.Lines(out) {
		if _, ref, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			names = append(names, strings.TrimPrefix(ref, "refs/heads/"))
		}
	}
	return names, nil
}

// Delete takes the branch away, if it is there and kasou's.
func (b *Proposal) Delete(ctx context.Context) error {
	if b.server.tip == "" || b.Foreign != "" {
		return nil
	}
	return b.move(ctx, "")
}

// move makes the branch on the server another commit, or deletes it, if it is still
// where it was.
func (b *Proposal) move(ctx context.Context, to string) error {
	err := b.server.push(ctx, to)
	if err == nil {
		b.server.tip = to
		return nil
	}
	_, err = judge(err)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Contended {
		return &Error{Kind: Contended, Message: "somebody pushed to the branch " + b.Name + " meanwhile", Hint: "Run this again"}
	}
	return err
}

// Copy makes a working copy of what is checked out in dir, an empty folder. It shares
// the objects, and nothing of it stays behind in the repository.
func (p *Publisher) Copy(ctx context.Context, dir string) error {
	g := newGit(dir)
	if _, err := g.run(ctx, nil, "clone", "--quiet", "--shared", "--no-checkout", "--", p.Root, dir); err != nil {
		return err
	}
	_, err := g.run(ctx, nil, "-c", "core.autocrlf=false", "-c", "core.eol=lf", "checkout", "--quiet", "--detach", p.head)
	return err
}
