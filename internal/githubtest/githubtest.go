// Package githubtest is a fake of GitHub's API, as far as issues go, that keeps
// what it is told. The real one cannot be had in a test.
package githubtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Token is the one that the fake takes.
const Token = "ghs_canary0123456789abcdefghijklmnop"

// Issue is one of the repository's.
type Issue struct {
	Number      int       `json:"number"`
	Title       string    `json:"title"`
	Body        string    `json:"body"`
	State       string    `json:"state"`
	StateReason string    `json:"state_reason,omitempty"`
	HTMLURL     string    `json:"html_url"`
	User        User      `json:"user"`
	Association string    `json:"author_association"`
	PullRequest *struct{} `json:"pull_request,omitempty"`
	// Comments are what was said below it.
	Comments []string `json:"-"`
}

// User is an author.
type User struct {
	Login string `json:"login"`
	Type  string `json:"type"`
}

// Bot is the author of what a workflow's token writes.
var Bot = User{Login: "github-actions[bot]", Type: "Bot"}

// GitHub is the fake, for the repository acme/platform.
type GitHub struct {
	// URL of the API.
	URL string

	mu     sync.Mutex
	issues []*Issue
	writes []string
	// refusals answer in the place of the next requests.
	refusals []http.HandlerFunc
}

// Start runs the fake for as long as the test.
func Start(t *testing.T) *GitHub {
	t.Helper()
	g := &GitHub{}
	server := httptest.NewServer(http.HandlerFunc(g.serve))
	t.Cleanup(server.Close)
	g.URL = server.URL
	return g
}

// Add puts an issue there, open unless it says otherwise, and gives its number.
func (g *GitHub) Add(i Issue) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.add(i).Number
}

func (g *GitHub) add(i Issue) *Issue {
	i.Number = len(g.issues) + 1
	i.HTMLURL = fmt.Sprintf("https://github.com/acme/platform/issues/%d", i.Number)
	if i.State == "" {
		i.State = "open"
	}
	g.issues = append(g.issues, &i)
	return &i
}

// Issue gives a copy of one.
func (g *GitHub) Issue(number int) Issue {
	g.mu.Lock()
	defer g.mu.Unlock()
	return *g.issues[number-1]
}

// Count gives the number of issues, whatever their state.
func (g *GitHub) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.issues)
}

// Writes gives the requests since the last call that were to change something.
func (g *GitHub) Writes() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	writes := g.writes
	g.writes = nil
	return writes
}

// Refuse answers the next request with a status, and headers as pairs.
func (g *GitHub) Refuse(code int, message string, headers ...string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	documentation := "https://docs.github.com/rest"
	if len(headers) > 0 {
		documentation += "/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"
	}
	g.refusals = append(g.refusals, func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		reply(w, code, map[string]string{"message": message, "documentation_url": documentation})
	})
}

// Quiet answers the next request as GitHub does where somebody asks too often.
func (g *GitHub) Quiet(seconds int) {
	g.Refuse(http.StatusForbidden, "You have exceeded a secondary rate limit", "Retry-After", strconv.Itoa(seconds))
}

func (g *GitHub) serve(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	const issues = "/repos/acme/platform/issues"
	rest, ok := strings.CutPrefix(r.URL.Path, issues)
	switch {
	case len(g.refusals) > 0:
		refusal := g.refusals[0]
		g.refusals = g.refusals[1:]
		refusal(w, r)
	case r.Header.Get("Authorization") != "Bearer "+Token:
		reply(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
	case !ok:
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
	case r.Method == http.MethodGet && rest == "":
		g.list(w, r)
	default:
		g.writes = append(g.writes, r.Method+" "+r.URL.Path)
		g.change(w, r, rest)
	}
}

// list gives the open ones, the newest first, a page at a time.
func (g *GitHub) list(w http.ResponseWriter, r *http.Request) {
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	page := 1
	if text := r.URL.Query().Get("page"); text != "" {
		page, _ = strconv.Atoi(text)
	}
	open := []*Issue{}
	for i := len(g.issues) - 1; i >= 0; i-- {
		if g.issues[i].State == "open" {
			open = append(open, g.issues[i])
		}
	}
	from, to := min((page-1)*size, len(open)), min(page*size, len(open))
	if to < len(open) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, g.URL, r.URL.Path, size, page+1))
	}
	reply(w, http.StatusOK, open[from:to])
}

func (g *GitHub) change(w http.ResponseWriter, r *http.Request, rest string) {
	var given struct {
		Title, Body, State *string
		StateReason        *string `json:"state_reason"`
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"message": "Problems parsing JSON"})
		return
	}
	if given.Body != nil && len(*given.Body) > 65_536 {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": "body is too long (maximum is 65536 characters)"})
		return
	}
	number, below, _ := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	n, _ := strconv.Atoi(number)
	switch {
	case rest == "" && r.Method == http.MethodPost:
		reply(w, http.StatusCreated, g.add(Issue{Title: *given.Title, Body: *given.Body, User: Bot, Association: "NONE"}))
	case n < 1 || n > len(g.issues):
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
	case below == "comments":
		g.issues[n-1].Comments = append(g.issues[n-1].Comments, *given.Body)
		reply(w, http.StatusCreated, map[string]any{"id": 1})
	default:
		issue := g.issues[n-1]
		for _, field := range []struct {
			to   *string
			from *string
		}{{&issue.Title, given.Title}, {&issue.Body, given.Body}, {&issue.State, given.State}, {&issue.StateReason, given.StateReason}} {
			if field.from != nil {
				*field.to = *field.from
			}
		}
		reply(w, http.StatusOK, issue)
	}
}

func reply(w http.ResponseWriter, code int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}
