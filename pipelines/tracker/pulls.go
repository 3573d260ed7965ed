package tracker

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/go-github/v84/github"
)

// Pulls keeps pull requests from branches of the repository itself.
type Pulls struct{ connection }

// NewPulls returns one and asks nothing yet. The error is an Options that make no
// sense.
func NewPulls(o Options) (*Pulls, error) {
	c, err := connect(o, "pull-requests: write")
	return &Pulls{c}, err
}

// Pull is what the pull request of a branch should say.
type Pull struct {
	// Branch is its own, Base the one that it goes to.
	Branch, Base string
	Title        string
	// Body is Markdown, of at most Room bytes.
	Body string
	// Run is a link to the run that wrote it. It is not compared.
	Run string
}

const pullMark = "<!-- kasou upgrade "

// closedMark stands in the place of the digest once kasou has closed the pull
// request itself.
const closedMark = "closed"

func (p Pull) text() string {
	text := marked(pullMark, p.Title, p.Body)
	if p.Run != "" {
		text += "\nMade by " + p.Run + ". kasou keeps this pull request: its branch is built anew where the hop changes, and it is closed where there is none any more.\n"
	}
	return text
}

// Open opens the pull request of a branch, or makes the open one say what p does.
// One that a person closed and that would say the same again stays closed. The error
// is an *Error, or ctx's.
func (t *Pulls) Open(ctx context.Context, p Pull) (Result, error) {
	open, err := t.list(ctx, p.Branch, "open")
	if err != nil {
		return Result{}, err
	}
	if i := slices.IndexFunc(open, func(pr *github.PullRequest) bool { return pr.GetBase().GetRef() == p.Base }); i >= 0 {
		return t.edit(ctx, open[i], p)
	}
	closed, err := t.list(ctx, p.Branch, "closed")
	if err != nil {
		return Result{}, err
	}
	if len(closed) > 0 && closed[0].MergedAt == nil && says(closed[0].GetBody(), pullMark, p.Title, p.Body) {
		return Result{URL: closed[0].GetHTMLURL()}, nil
	}
	var made *github.PullRequest
	err = t.ask(ctx, "opening a pull request", func() (err error) {
		made, _, err = t.api.PullRequests.Create(ctx, t.owner, t.name, &github.NewPullRequest{
			Title: &p.Title, Head: &p.Branch, Base: &p.Base, Body: github.Ptr(p.text()),
		})
		return err
	})
	if err != nil {
		return Result{}, err
	}
	return Result{Action: Opened, URL: made.GetHTMLURL()}, nil
}

func (t *Pulls) edit(ctx context.Context, pr *github.PullRequest, p Pull) (Result, error) {
	result := Result{URL: pr.GetHTMLURL()}
	if says(pr.GetBody(), pullMark, p.Title, p.Body) {
		return result, nil
	}
	err := t.ask(ctx, fmt.Sprintf("editing pull request #%d", pr.GetNumber()), func() error {
		_, _, err := t.api.PullRequests.Edit(ctx, t.owner, t.name, pr.GetNumber(), &github.PullRequest{Title: &p.Title, Body: github.Ptr(p.text())})
		return err
	})
	if err != nil {
		return Result{}, err
	}
	result.Action = Edited
	return result, nil
}

// Close closes the open pull requests of a branch, and says why. The error is an
// *Error, or ctx's.
func (t *Pulls) Close(ctx context.Context, branch, why string) (Result, error) {
	open, err := t.list(ctx, branch, "open")
	if err != nil {
		return Result{}, err
	}
	var result Result
	for _, pr := range open {
		n := pr.GetNumber()
		if err := t.comment(ctx, "pull request", n, why); err != nil {
			return result, err
		}
		body := pr.GetBody()
		if rest, ours := strings.CutPrefix(body, pullMark); ours {
			_, rest, _ = strings.Cut(rest, " ")
			body = pullMark + closedMark + " " + rest
		}
		err = t.ask(ctx, fmt.Sprintf("closing pull request #%d", n), func() error {
			_, _, err := t.api.PullRequests.Edit(ctx, t.owner, t.name, n, &github.PullRequest{State: github.Ptr("closed"), Body: &body})
			return err
		})
		if err != nil {
			return result, err
		}
		result = Result{Action: Closed, URL: pr.GetHTMLURL()}
	}
	return result, nil
}

// list returns the pull requests of a branch of the repository itself, the newest
// first.
func (t *Pulls) list(ctx context.Context, branch, state string) ([]*github.PullRequest, error) {
	var all []*github.PullRequest
	err := t.ask(ctx, "listing the pull requests", func() (err error) {
		all, _, err = t.api.PullRequests.List(ctx, t.owner, t.name, &github.PullRequestListOptions{
			State: state, Head: t.owner + ":" + branch, Sort: "created", Direction: "desc", ListOptions: github.ListOptions{PerPage: 100},
		})
		return err
	})
	return all, err
}
