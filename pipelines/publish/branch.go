package publish

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// branch is one on the server.
type branch struct {
	git          git
	remote, name string
	// tip is where it was last seen; empty before that. tipRef keeps that commit from
	// being collected as garbage.
	tip, tipRef string
}

func (b *branch) String() string {
	return fmt.Sprintf("the branch %s of %s", b.name, scrub(b.remote))
}

// fetch reads the branch's tip. The caller drops it.
func (b *branch) fetch(ctx context.Context) error {
	if b.tipRef == "" {
		b.tipRef = fmt.Sprintf("refs/kasou/%016x", rand.Uint64())
	}
	_, err := b.git.run(ctx, nil, "fetch", "--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules",
		"--no-write-fetch-head", "--", b.remote, "+refs/heads/"+b.name+":"+b.tipRef)
	if err != nil {
		return err
	}
	tip, err := b.git.line(ctx, "rev-parse", "--verify", b.tipRef+"^{commit}")
	if err == nil {
		b.tip = tip
	}
	return err
}

// drop lets git collect the tip as garbage.
func (b *branch) drop(ctx context.Context) {
	if b.tipRef != "" {
		_, _ = b.git.run(ctx, nil, "update-ref", "-d", b.tipRef)
	}
}

// push moves the branch from the tip to a commit, or deletes it where that is empty. The
// lease makes that a compare-and-swap: a branch that was deleted is not created again. It
// also lets history be rewritten: the caller checks whether the commit follows the tip.
func (b *branch) push(ctx context.Context, commit string) error {
	ref := "refs/heads/" + b.name
	out, err := b.git.run(ctx, nil, "push", "--porcelain", "--no-follow-tags", "--recurse-submodules=no",
		"--force-with-lease="+ref+":"+b.tip, "--", b.remote, commit+":"+ref)
	if err == nil && !strings.Contains(out, "\t"+commit+":"+ref+"\t") {
		return &failure{command: "push", stderr: "no answer for the branch", err: errors.New("no answer")}
	}
	return err
}
