package tracker_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"kasou/internal/githubtest"
	"kasou/pipelines/tracker"
)

var hop = tracker.Pull{Branch: "kasou/upgrade/clusters/canary", Base: "main", Title: "Upgrade ring canary", Body: "one restart\n", Run: "https://github.com/acme/platform/actions/runs/1"}

func pulls(t *testing.T, g *githubtest.GitHub) *tracker.Pulls {
	t.Helper()
	k, err := tracker.NewPulls(tracker.Options{API: g.URL, Repository: "acme/platform", Token: githubtest.Token, Key: "clusters", Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func wantAction(t *testing.T, r tracker.Result, err error, want tracker.Action) {
	t.Helper()
	if err != nil || r.Action != want {
		t.Errorf("did %q, %v; want %q", r.Action, err, want)
	}
}

// One pull request for each branch: opened, left alone, edited, closed when stale.
func TestOnePullRequest(t *testing.T) {
	g := githubtest.Start(t)
	k := pulls(t, g)
	ctx := t.Context()
	r, err := k.Close(ctx, hop.Branch, "nothing")
	wantAction(t, r, err, tracker.None)
	if r, err = k.Open(ctx, hop); r.URL != "https://github.com/acme/platform/pull/1" {
		t.Error(r.URL)
	}
	wantAction(t, r, err, tracker.Opened)
	if pr := g.Issue(1); pr.Head.Ref != hop.Branch || pr.Base.Ref != "main" || !strings.Contains(pr.Body, "one restart\n") || !strings.Contains(pr.Body, hop.Run) {
		t.Errorf("%+v", pr)
	}
	g.Writes()
	again := hop
	again.Run = "https://github.com/acme/platform/actions/runs/2"
	r, err = k.Open(ctx, again)
	if wantAction(t, r, err, tracker.None); len(g.Writes()) > 0 {
		t.Error("nothing has changed, and it wrote")
	}
	other := hop
	other.Branch = "kasou/upgrade/clusters/rest"
	r, err = k.Open(ctx, other)
	wantAction(t, r, err, tracker.Opened)
	again.Body = "two restarts\n"
	r, err = k.Open(ctx, again)
	if wantAction(t, r, err, tracker.Edited); g.Count() != 2 {
		t.Errorf("%d pull requests", g.Count())
	}
	r, err = k.Close(ctx, hop.Branch, "The ring is closed.")
	wantAction(t, r, err, tracker.Closed)
	if pr := g.Issue(1); pr.State != "closed" || len(pr.Comments) != 1 || g.Issue(2).State != "open" {
		t.Errorf("%+v", pr)
	}
	// The same hop comes again: kasou itself had closed it.
	r, err = k.Open(ctx, again)
	wantAction(t, r, err, tracker.Opened)
	// A person says no: it stays closed until there is another hop.
	g.Close(3)
	r, err = k.Open(ctx, again)
	wantAction(t, r, err, tracker.None)
	r, err = k.Open(ctx, hop)
	wantAction(t, r, err, tracker.Opened)
	// Merged, and the same again, as after a revert.
	g.Merge(4)
	r, err = k.Open(ctx, hop)
	wantAction(t, r, err, tracker.Opened)
}

func TestPullRequestsAreNotAllowed(t *testing.T) {
	g := githubtest.Start(t)
	k := pulls(t, g)
	for message, want := range map[string]string{
		"Resource not accessible by integration":                              "`pull-requests: write`",
		"GitHub Actions is not permitted to create or approve pull requests.": "Allow GitHub Actions to create",
	} {
		g.Refuse(http.StatusForbidden, message)
		_, err := k.Open(t.Context(), hop)
		if _, ok := errors.AsType[*tracker.Error](err); !ok || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, err := tracker.NewPulls(tracker.Options{Repository: "acme"}); err == nil {
		t.Error("a repository without an owner passes")
	}
}

// One comment is kept up to date; a stranger's that looks like it is left alone.
func TestOneComment(t *testing.T) {
	g := githubtest.Start(t)
	k := pulls(t, g)
	n := g.Add(githubtest.Issue{Title: "a change", PullRequest: &struct{}{}})
	comment := func(body string, silent bool, want tracker.Action) {
		t.Helper()
		r, err := k.Comment(t.Context(), tracker.Comment{Number: n, Body: body, Silent: silent})
		wantAction(t, r, err, want)
	}
	comment("nothing\n", true, tracker.None)
	comment("a plan\n", false, tracker.Opened)
	comment("a plan\n", false, tracker.None)
	comment("another plan\n", false, tracker.Edited)
	comment("nothing any more\n", true, tracker.Edited)
	if said := g.Issue(n).Comments; len(said) != 1 || !strings.HasSuffix(said[0], "\nnothing any more\n") {
		t.Errorf("%q", said)
	}
	spoofed := g.Add(githubtest.Issue{Title: "another", PullRequest: &struct{}{}, Comments: g.Issue(n).Comments, Commenters: []githubtest.User{{Login: "mallory", Type: "User"}}})
	n = spoofed
	comment("a plan\n", false, tracker.Opened)
	if said := g.Issue(n).Comments; len(said) != 2 {
		t.Errorf("%q", said)
	}
}
