package tracker_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"kasou/internal/githubtest"
	"kasou/pipelines/tracker"
)

var drift = tracker.State{Drift: true, Title: "Drift", Body: "one cluster drifts\n", Run: "https://github.com/acme/platform/actions/runs/1"}

func open(t *testing.T, g *githubtest.GitHub, key string) *tracker.Tracker {
	t.Helper()
	k, err := tracker.New(tracker.Options{API: g.URL, Repository: "acme/platform", Token: githubtest.Token, Key: key, Patience: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func update(t *testing.T, k *tracker.Tracker, s tracker.State, want tracker.Action) tracker.Result {
	t.Helper()
	r, err := k.Update(context.Background(), s)
	if err != nil || r.Action != want {
		t.Errorf("did %q, %v; want %q", r.Action, err, want)
	}
	return r
}

// One issue lives as long as the drift.
func TestOneIssue(t *testing.T) {
	g := githubtest.Start(t)
	k := open(t, g, "clusters")
	update(t, k, tracker.State{}, tracker.None)
	update(t, k, tracker.State{Unknown: true, Title: "x"}, tracker.None)
	if writes := g.Writes(); len(writes) > 0 {
		t.Fatalf("nothing drifts, and it wrote %v", writes)
	}
	if r := update(t, k, drift, tracker.Opened); r.URL != "https://github.com/acme/platform/issues/1" {
		t.Error(r.URL)
	}
	issue := g.Issue(1)
	if issue.Title != "Drift" || !strings.Contains(issue.Body, "one cluster drifts\n") || !strings.Contains(issue.Body, drift.Run) {
		t.Errorf("%+v", issue)
	}

	// The same again, found by another run: nobody is bothered.
	again := drift
	again.Run = "https://github.com/acme/platform/actions/runs/2"
	g.Writes()
	update(t, k, again, tracker.None)
	if writes := g.Writes(); len(writes) > 0 {
		t.Errorf("nothing has changed, and it wrote %v", writes)
	}
	more := again
	more.Body = "two clusters drift\n"
	update(t, k, more, tracker.Edited)
	if body := g.Issue(1).Body; !strings.Contains(body, "two clusters") || !strings.Contains(body, "runs/2") {
		t.Error(body)
	}

	// What is unknown closes nothing.
	update(t, k, tracker.State{Unknown: true, Title: "Unknown", Body: "the host does not answer\n"}, tracker.Edited)
	if g.Issue(1).State != "open" {
		t.Error("closed, and nobody knows")
	}
	update(t, k, tracker.State{Run: "https://github.com/acme/platform/actions/runs/3"}, tracker.Closed)
	closed := g.Issue(1)
	if closed.State != "closed" || closed.StateReason != "completed" || len(closed.Comments) != 1 || !strings.Contains(closed.Comments[0], "runs/3") {
		t.Errorf("%+v", closed)
	}
	update(t, k, drift, tracker.Opened)
	if g.Count() != 2 {
		t.Errorf("%d issues, want a second one", g.Count())
	}
}

// Only what kasou itself, or somebody who could write it, wrote is taken over.
func TestForeignIssuesAreLeftAlone(t *testing.T) {
	g := githubtest.Start(t)
	update(t, open(t, g, "other"), drift, tracker.Opened)
	stranger := g.Issue(1)
	mine := strings.Replace(stranger.Body, "kasou drift other", "kasou drift clusters", 1)
	g.Add(githubtest.Issue{Title: "spoof", Body: mine, User: githubtest.User{Login: "mallory", Type: "User"}, Association: "NONE"})
	g.Add(githubtest.Issue{Title: "a pull request", Body: mine, User: githubtest.Bot, PullRequest: &struct{}{}})
	g.Add(githubtest.Issue{Title: "it quotes", Body: "> " + mine, User: githubtest.Bot})
	for i := range 150 { // more than a page
		g.Add(githubtest.Issue{Title: fmt.Sprint(i), User: githubtest.User{Login: "alice", Type: "User"}, Association: "MEMBER"})
	}
	k := open(t, g, "clusters")
	g.Writes()
	update(t, k, tracker.State{}, tracker.None)
	if writes := g.Writes(); len(writes) > 0 {
		t.Errorf("it wrote %v", writes)
	}
	update(t, k, drift, tracker.Opened)
	for i := range 150 {
		g.Add(githubtest.Issue{Title: fmt.Sprint(i), User: githubtest.User{Login: "alice", Type: "User"}})
	}
	update(t, k, drift, tracker.None) // found on a later page
}

func TestTheOldestGoesOn(t *testing.T) {
	g := githubtest.Start(t)
	k := open(t, g, "clusters")
	update(t, k, drift, tracker.Opened)
	twin := g.Issue(1)
	g.Add(twin)
	g.Add(githubtest.Issue{Body: twin.Body, User: githubtest.User{Login: "alice", Type: "User"}, Association: "MEMBER"})
	update(t, k, drift, tracker.None)
	for n, state := range map[int]string{1: "open", 2: "closed", 3: "closed"} {
		issue := g.Issue(n)
		if issue.State != state || state == "closed" && (len(issue.Comments) != 1 || issue.Comments[0] != "It goes on in #1.") {
			t.Errorf("#%d: %+v", n, issue)
		}
	}
}

func TestWhatGitHubRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		code int
		want string
	}{
		"token":    {http.StatusUnauthorized, "GITHUB_TOKEN is not accepted"},
		"rights":   {http.StatusForbidden, "issues: write"},
		"absent":   {http.StatusNotFound, "issues: write"},
		"disabled": {http.StatusGone, "issues are turned off"},
		"broken":   {http.StatusInternalServerError, "HTTP 500"},
	} {
		g := githubtest.Start(t)
		g.Refuse(c.code, "no")
		var failed *tracker.Error
		_, err := open(t, g, "clusters").Update(context.Background(), drift)
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), githubtest.Token) {
			t.Errorf("%s: %v", name, err)
		}
		if g.Count() != 0 {
			t.Errorf("%s: it opened an issue blindly", name)
		}
	}
}

// GitHub asks for a moment of quiet: it gets that, and no more than Patience.
func TestRateLimits(t *testing.T) {
	g := githubtest.Start(t)
	k := open(t, g, "clusters")
	g.Quiet(1)
	update(t, k, drift, tracker.Opened)
	g.Quiet(3600)
	k = open(t, g, "clusters")
	if _, err := k.Update(context.Background(), drift); err == nil || !strings.Contains(err.Error(), "wants 1h0m0s of quiet") {
		t.Errorf("%v", err)
	}
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	for _, o := range []tracker.Options{{}, {Repository: "acme"}, {Repository: "acme/platform/x"}, {Repository: "acme/platform", API: "nowhere"}} {
		if _, err := tracker.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
