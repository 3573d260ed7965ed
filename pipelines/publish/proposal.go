package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	// tip is the branch as the server has it, base the commit that it was built on;
	// empty where there is none.
	tip, base string
}

// Propose looks at a branch on the server. What is wrong is an *Error.
func (p *Publisher) Propose(ctx context.Context, name string) (*Proposal, error) {
	b := &Proposal{Publisher: p, Name: name}
	out, err := p.git.run(ctx, nil, "ls-remote", "--heads", "--", p.Remote, "refs/heads/"+name)
	if err != nil {
		_, err = judge(err)
		return nil, err
	}
	if b.tip, _, _ = strings.Cut(out, "\t"); b.tip == "" {
		return b, nil
	}
	ref := fmt.Sprintf("refs/kasou/%016x", rand.Uint64())
	_, err = p.git.run(ctx, nil, "fetch", "--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head", "--", p.Remote, "+refs/heads/"+name+":"+ref)
	if err != nil {
		_, err = judge(err)
		return nil, err
	}
	defer func() { _, _ = p.git.run(context.WithoutCancel(ctx), nil, "update-ref", "-d", ref) }()
	return b, b.look(ctx)
}

// look finds whether the tip is one commit of kasou's, or is merged.
func (b *Proposal) look(ctx context.Context) error {
	if merged, err := b.git.ancestor(ctx, b.tip, b.head); err != nil || merged {
		return err
	}
	line, err := b.git.line(ctx, "log", "-1", "--format=%P%x09%(trailers:key=Kasou-Inputs,valueonly,separator=%x2C)", b.tip)
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
	paths, err := b.changed(ctx, b.base, b.tip)
	if err != nil || len(paths) == 0 {
		return nil, err
	}
	since, err := b.changed(ctx, b.base, b.head)
	if err != nil || slices.ContainsFunc(since, func(path string) bool { return slices.Contains(paths, path) }) {
		return nil, err
	}
	g := newGit(dir)
	_, err = g.run(ctx, []byte(strings.Join(paths, "\x00")), "checkout", "--quiet", "--no-overlay", "--pathspec-from-file=-", "--pathspec-file-nul", b.tip)
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
	files, err := differing(ctx, dir)
	if err != nil {
		return false, err
	}
	made, err := b.commitFiles(ctx, dir, Built{Files: files, Message: message}, b.head)
	if err != nil || made == nil {
		return false, err
	}
	if b.base != "" {
		old, err := b.change(ctx, b.base, b.tip)
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
	if b.tip == "" || b.Foreign != "" {
		return nil
	}
	return b.move(ctx, "")
}

// move makes the branch on the server another commit, or deletes it, if it is still
// where it was.
func (b *Proposal) move(ctx context.Context, to string) error {
	ref := "refs/heads/" + b.Name
	_, err := b.git.run(ctx, nil, "push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no",
		"--force-with-lease="+ref+":"+b.tip, "--", b.Remote, to+":"+ref)
	if err == nil {
		b.tip = to
		return nil
	}
	_, err = judge(err)
	var e *Error
	if errors.As(err, &e) && e.Kind == Contended {
		return &Error{Kind: Contended, Message: "somebody pushed to the branch " + b.Name + " meanwhile", Hint: "Run this again"}
	}
	return err
}

// differing returns the files of a working copy that are not as committed.
func differing(ctx context.Context, dir string) ([]string, error) {
	out, err := newGit(dir).run(ctx, nil, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames")
	var files []string
	for _, line := range fields(out) {
		files = append(files, line[min(3, len(line)):])
	}
	return files, err
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
