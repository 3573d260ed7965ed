package publish

import (
	"context"
	"errors"
	"fmt"
)

// job is one Publish at work.
type job struct {
	*Publisher
	built   Built
	rebuild Rebuild
	// mine are the files that built names.
	mine map[string]bool
	// own was made of the working copy's files, on HEAD; nil where they are not
	// to be trusted.
	own *commit
	// ready is to be pushed; nil until there is one.
	ready *commit
	// to is the branch to push to, and unpushed says that HEAD has commits which its
	// first tip had not.
	to       branch
	unpushed bool
}

// tryAll pushes until it is done, refused, or has been tried often enough.
func (j *job) tryAll(ctx context.Context) (Result, error) {
	var last error
	for try := 1; try <= tries; try++ {
		if try > 1 {
			j.Log(fmt.Sprintf("Try %d of %d did not succeed (%v)", try-1, tries, last))
			if err := j.Wait(ctx, try); err != nil {
				return Result{}, err
			}
		}
		kind, err := j.try(ctx)
		if err == nil {
			return j.done(ctx, try), nil
		}
		if kind == refused {
			return Result{}, err
		}
		last = err
	}
	if j.ready != nil && j.to.fetch(ctx) == nil {
		if there, err := j.git.ancestor(ctx, j.ready.id, j.to.tip); err == nil && there {
			return j.done(ctx, tries), nil
		}
	}
	return Result{}, j.givingUp(last)
}

// try fetches, makes a commit for the tip where there is none yet, and pushes.
// Nothing left to commit is a success without j.ready.
func (j *job) try(ctx context.Context) (answer, error) {
	before := j.to.tip
	if err := j.to.fetch(ctx); err != nil {
		kind, err := judge(err)
		return kind, j.explain(err)
	}
	if j.ready != nil {
		// The answer to an earlier push may have been lost on its way.
		if there, err := j.git.ancestor(ctx, j.ready.id, j.to.tip); err != nil || there {
			return refused, err
		}
	}
	if j.ready == nil || j.to.tip != before {
		if err := j.prepare(ctx, before == ""); err != nil || j.ready == nil {
			return refused, err
		}
	}
	if err := j.push(ctx); err != nil {
		kind, err := judge(err)
		return kind, err
	}
	return 0, nil
}

// prepare makes the commit that is to follow the tip.
func (j *job) prepare(ctx context.Context, first bool) error {
	base, err := j.base(ctx, first)
	if err != nil {
		return err
	}
	if j.own != nil && j.own.base == base {
		j.ready = j.own
		return nil
	}
	j.ready, err = j.buildOn(ctx, base)
	return err
}

// base returns the commit to build on: the tip, or HEAD where the branch checked
// out is ahead of the tip, so that its commits are pushed along.
func (j *job) base(ctx context.Context, first bool) (string, error) {
	if first {
		contained, err := j.git.ancestor(ctx, j.head, j.to.tip)
		if err != nil {
			return "", err
		}
		j.unpushed = !contained
	}
	if !j.unpushed {
		return j.to.tip, nil
	}
	ahead, err := j.git.ancestor(ctx, j.to.tip, j.head)
	switch {
	case err != nil:
		return "", err
	case !j.home:
		return "", &Error{Kind: Diverged,
			Message: "the commit checked out is not part of " + j.to.String() + ", and another branch is not pushed there",
			Hint:    "Check out " + j.Branch + " to publish to it. A build for a pull request only checks"}
	case !ahead:
		return "", &Error{Kind: Diverged,
			Message: j.to.String() + " has commits that are not here, and here are commits that it does not have",
			Hint:    "Run git pull, and then this again"}
	}
	return j.head, nil
}

// push moves the branch to the ready commit, which must follow its tip.
func (j *job) push(ctx context.Context) error {
	follows, err := j.git.ancestor(ctx, j.to.tip, j.ready.id)
	if err != nil {
		return err
	}
	if !follows {
		return fmt.Errorf("%s does not follow %s: not pushed", short(j.ready.id), short(j.to.tip))
	}
	return j.to.push(ctx, j.ready.id)
}

// explain fills in what only the job knows of an error.
func (j *job) explain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Gone {
		return &Error{Kind: Gone, Message: j.to.String() + " does not exist, or no longer",
			Hint: "Nothing was pushed: kasou creates no branch. Push the branch, and run this again"}
	}
	return err
}

// givingUp is the error after the last try.
func (j *job) givingUp(last error) error {
	if e, ok := errors.AsType[*Error](last); ok && e.Kind == Contended {
		return &Error{Kind: Contended,
			Message: fmt.Sprintf("others pushed to %s before each of %d tries (%s)", j.to.String(), tries, e.Message),
			Hint:    "Nothing was published. Run this again when it is quieter there"}
	}
	return &Error{Kind: Network,
		Message: fmt.Sprintf("%s could not be reached in %d tries: %v", j.to.String(), tries, last),
		Hint:    "Look at the network and at the server, and run this again: what was pushed already is recognized"}
}

func (j *job) done(ctx context.Context, try int) Result {
	r := Result{Branch: j.Branch, Remote: j.Remote, Tries: try}
	if j.ready == nil {
		return r
	}
	r.Commit, r.Inputs = j.ready.id, j.ready.base
	j.follow(context.WithoutCancel(ctx))
	return r
}
