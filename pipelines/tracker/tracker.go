// Package tracker keeps what a run says on GitHub up to date: one issue of what
// drifts, one pull request of a ring's next hop, one comment on a pull request. It
// opens, edits and closes them, and asks GitHub's API alone, with a token that may
// write issues or pull requests.
package tracker

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/go-github/v84/github"
)

// Options say where the issue or pull request is, and how to reach it.
type Options struct {
	// API is the address of GitHub's API, as GITHUB_API_URL has it. Default:
	// https://api.github.com.
	API string
	// Repository is OWNER/NAME.
	Repository string
	// Token may write the repository's issues, or its pull requests. It is never
	// printed.
	Token string
	// Key tells the issue from other issues of kasou in the repository, such as
	// those of another clusters folder. It has no line breaks and no --.
	Key string
	// Patience is how long GitHub can ask to wait. Default: one minute.
	Patience time.Duration
}

// State is what the issue should say.
type State struct {
	// Drift opens the issue, or keeps it open.
	Drift bool
	// Unknown leaves an issue open that is, and opens none.
	Unknown bool
	Title   string
	// Body is Markdown, of at most Room bytes.
	Body string
	// Run is a link to the run that looked. It is not compared: an issue whose
	// body would be the same is left alone, with the run that first said so.
	Run string
}

// Room is how long a State's Body can be, in bytes. GitHub takes 65,536
// characters; the rest is for what the tracker writes itself.
const Room = 60_000

// Action is what was done to the issue.
type Action string

// The actions. None means that it is as it should be, or that there is none.
const (
	None   Action = ""
	Opened Action = "opened"
	Edited Action = "edited"
	Closed Action = "closed"
)

// Result is the issue and what was done to it.
type Result struct {
	Action Action
	// URL is the issue's page; empty where there is none.
	URL string
}

// Tracker keeps one issue.
type Tracker struct{ connection }

// connection is GitHub's API, of one repository.
type connection struct {
	options     Options
	owner, name string
	// permission is what the token has to have.
	permission string
	api        *github.Client
}

// New returns a tracker and asks nothing yet. The error is an Options that make no
// sense.
func New(o Options) (*Tracker, error) {
	c, err := connect(o, "issues: write")
	return &Tracker{c}, err
}

func connect(o Options, permission string) (connection, error) {
	owner, name, ok := strings.Cut(o.Repository, "/")
	if !ok || owner == "" || name == "" || strings.Contains(name, "/") {
		return connection{}, fmt.Errorf("the repository %q is not of the form OWNER/NAME", o.Repository)
	}
	if o.Patience == 0 {
		o.Patience = time.Minute
	}
	client := github.NewClient(&http.Client{Timeout: 30 * time.Second}).WithAuthToken(o.Token)
	if o.API != "" {
		base, err := url.Parse(strings.TrimSuffix(o.API, "/") + "/")
		if err != nil || base.Host == "" {
			return connection{}, fmt.Errorf("%q is not an address of GitHub's API", o.API)
		}
		client.BaseURL = base
	}
	return connection{options: o, owner: owner, name: name, permission: permission, api: client}, nil
}

// comment writes a comment on what is called so, an issue or a pull request.
func (c connection) comment(ctx context.Context, what string, number int, text string) error {
	return c.ask(ctx, fmt.Sprintf("commenting on %s #%d", what, number), func() error {
		_, _, err := c.api.Issues.CreateComment(ctx, c.owner, c.name, number, &github.IssueComment{Body: &text})
		return err
	})
}

// Update makes the issue say what s says. Where nothing drifts any more it is
// closed; later drift opens another one, so that each has its own dates and
// talk. Of several open ones the oldest goes on and the others are closed. The
// error is an *Error, or ctx's.
func (t *Tracker) Update(ctx context.Context, s State) (Result, error) {
	open, err := t.open(ctx)
	if err != nil {
		return Result{}, err
	}
	if len(open) == 0 {
		if !s.Drift {
			return Result{}, nil
		}
		return t.create(ctx, s)
	}
	oldest := open[0]
	for _, other := range open[1:] {
		if err := t.close(ctx, other, fmt.Sprintf("It goes on in #%d.", oldest.GetNumber()), "not_planned"); err != nil {
			return Result{}, err
		}
	}
	result := Result{URL: oldest.GetHTMLURL()}
	switch {
	case !s.Drift && !s.Unknown:
		result.Action = Closed
		err = t.close(ctx, oldest, "Nothing drifts any more: "+s.Run, "completed")
	case !says(oldest.GetBody(), t.mark(), s.Title, s.Body):
		result.Action = Edited
		err = t.edit(ctx, oldest, s)
	}
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// open returns the tracker's open issues, the oldest first.
func (t *Tracker) open(ctx context.Context) ([]*github.Issue, error) {
	var found []*github.Issue
	list := &github.IssueListByRepoOptions{State: "open", ListOptions: github.ListOptions{PerPage: 100}}
	err := t.ask(ctx, "listing the issues", func() error {
		found = nil
		for issue, err := range t.api.Issues.ListByRepoIter(ctx, t.owner, t.name, list) {
			if err != nil {
				return err
			}
			if !issue.IsPullRequest() && t.mine(issue) {
				found = append(found, issue)
			}
		}
		return nil
	})
	slices.SortFunc(found, func(a, b *github.Issue) int { return a.GetNumber() - b.GetNumber() })
	return found, err
}

// trusted are GitHub's words for authors who could write the issue themselves:
// a stranger's issue with our mark in it is not ours.
var trusted = []string{"OWNER", "MEMBER", "COLLABORATOR"}

func (t *Tracker) mine(issue *github.Issue) bool {
	return isTrusted(issue.GetUser(), issue.GetAuthorAssociation()) && strings.HasPrefix(issue.GetBody(), t.mark())
}

func isTrusted(author *github.User, association string) bool {
	return author.GetType() == "Bot" || slices.Contains(trusted, association)
}

// mark starts the first line of the body, which does not show.
func (t *Tracker) mark() string { return "<!-- kasou drift " + t.options.Key + " " }

// marked returns a body with a first line, which does not show, of the mark and a digest of
// what is said.
func marked(mark, title, body string) string {
	sum := sha256.Sum256([]byte(title + "\x00" + body))
	return mark + hex.EncodeToString(sum[:]) + " -->\n" + body
}

// says reports whether the first line of a text is that of marked.
func says(text, mark, title, body string) bool {
	found, _, _ := strings.Cut(text, "\n")
	want, _, _ := strings.Cut(marked(mark, title, body), "\n")
	return strings.TrimSuffix(found, "\r") == want
}

func (t *Tracker) body(s State) string {
	text := marked(t.mark(), s.Title, s.Body)
	if s.Run != "" {
		text += "\nFound by " + s.Run + ". kasou keeps this issue: it is edited when something changes, and closed when nothing drifts.\n"
	}
	return text
}

func (t *Tracker) create(ctx context.Context, s State) (Result, error) {
	var made *github.Issue
	err := t.ask(ctx, "opening an issue", func() (err error) {
		made, _, err = t.api.Issues.Create(ctx, t.owner, t.name, &github.IssueRequest{Title: &s.Title, Body: github.Ptr(t.body(s))})
		return err
	})
	if err != nil {
		return Result{}, err
	}
	return Result{Action: Opened, URL: made.GetHTMLURL()}, nil
}

func (t *Tracker) edit(ctx context.Context, issue *github.Issue, s State) error {
	return t.ask(ctx, fmt.Sprintf("editing issue #%d", issue.GetNumber()), func() error {
		_, _, err := t.api.Issues.Edit(ctx, t.owner, t.name, issue.GetNumber(), &github.IssueRequest{Title: &s.Title, Body: github.Ptr(t.body(s))})
		return err
	})
}

// close says why, and closes. Cut off in between, the next run says it again.
func (t *Tracker) close(ctx context.Context, issue *github.Issue, why, reason string) error {
	n := issue.GetNumber()
	if err := t.comment(ctx, "issue", n, why); err != nil {
		return err
	}
	return t.ask(ctx, fmt.Sprintf("closing issue #%d", n), func() error {
		_, _, err := t.api.Issues.Edit(ctx, t.owner, t.name, n, &github.IssueRequest{State: github.Ptr("closed"), StateReason: &reason})
		return err
	})
}
