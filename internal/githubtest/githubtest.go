// Package githubtest is a fake of GitHub's API, as far as issues, pull requests and
// their comments go, that keeps what it is told. The real one cannot be had in a test.
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
	"time"
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
	// Commenters are the authors of the first comments; the others are the bot's.
	Commenters []User `json:"-"`
	// Head and Base are the branches of a pull request.
	Head Branch `json:"head"`
	Base Branch `json:"base"`
	// MergedAt is set once it is merged.
	MergedAt *time.Time `json:"merged_at,omitempty"`
}

// Branch is one end of a pull request.
type Branch struct {
	Ref string `json:"ref"`
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

// Issue returns a copy of one.
func (g *GitHub) Issue(number int) Issue {
	g.mu.Lock()
	defer g.mu.Unlock()
	return *g.issues[number-1]
}

// Merge closes a pull request as merged.
func (g *GitHub) Merge(number int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.issues[number-1].State, g.issues[number-1].MergedAt = "closed", &now
}

// Close closes an issue or a pull request, as a person does.
func (g *GitHub) Close(number int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.issues[number-1].State = "closed"
}

// Count returns the number of issues, whatever their state.
func (g *GitHub) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.issues)
}

// Writes returns the requests since the last call that were to change something.
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
	const repository = "/repos/acme/platform/"
	rest, ok := strings.CutPrefix(r.URL.Path, repository)
	kind, rest, _ := strings.Cut(rest, "/")
	switch {
	case len(g.refusals) > 0:
		refusal := g.refusals[0]
		g.refusals = g.refusals[1:]
		refusal(w, r)
	case r.Header.Get("Authorization") != "Bearer "+Token:
		reply(w, http.StatusUnauthorized, map[string]string{"message": "Bad credentials"})
	case !ok || kind != "issues" && kind != "pulls":
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
	case r.Method == http.MethodGet && rest == "":
		g.list(w, r, kind)
	case r.Method == http.MethodGet:
		g.comments(w, rest)
	default:
		g.writes = append(g.writes, r.Method+" "+r.URL.Path)
		g.change(w, r, kind, rest)
	}
}

// comments writes what was said below an issue.
func (g *GitHub) comments(w http.ResponseWriter, rest string) {
	n, _ := strconv.Atoi(strings.TrimSuffix(rest, "/comments"))
	if n < 1 || n > len(g.issues) {
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
		return
	}
	all := []comment{}
	for i := range g.issues[n-1].Comments {
		all = append(all, g.comment(n, i))
	}
	reply(w, http.StatusOK, all)
}

type comment struct {
	ID      int    `json:"id"`
	Body    string `json:"body"`
	HTMLURL string `json:"html_url"`
	User    User   `json:"user"`
}

// commentIDs is how many comments an issue can have here.
const commentIDs = 1000

func (g *GitHub) comment(number, i int) comment {
	issue := g.issues[number-1]
	c := comment{ID: number*commentIDs + i, Body: issue.Comments[i], HTMLURL: fmt.Sprintf("%s#issuecomment-%d", issue.HTMLURL, i), User: Bot}
	if i < len(issue.Commenters) {
		c.User = issue.Commenters[i]
	}
	return c
}

// list writes those of a state, the newest first, a page at a time; of the pull
// requests those of a branch.
func (g *GitHub) list(w http.ResponseWriter, r *http.Request, kind string) {
	state, head := r.URL.Query().Get("state"), r.URL.Query().Get("head")
	size, _ := strconv.Atoi(r.URL.Query().Get("per_page"))
	page := 1
	if text := r.URL.Query().Get("page"); text != "" {
		page, _ = strconv.Atoi(text)
	}
	open := []*Issue{}
	for i := len(g.issues) - 1; i >= 0; i-- {
		branch := kind == "issues" || g.issues[i].PullRequest != nil && "acme:"+g.issues[i].Head.Ref == head
		if g.issues[i].State == state && branch {
			open = append(open, g.issues[i])
		}
	}
	from, to := min((page-1)*size, len(open)), min(page*size, len(open))
	if to < len(open) {
		w.Header().Set("Link", fmt.Sprintf(`<%s%s?per_page=%d&page=%d>; rel="next"`, g.URL, r.URL.Path, size, page+1))
	}
	reply(w, http.StatusOK, open[from:to])
}

func (g *GitHub) change(w http.ResponseWriter, r *http.Request, kind, rest string) {
	var given struct {
		Title, Body, State *string
		StateReason        *string `json:"state_reason"`
		Head, Base         string
	}
	if err := json.NewDecoder(r.Body).Decode(&given); err != nil {
		reply(w, http.StatusBadRequest, map[string]string{"message": "Problems parsing JSON"})
		return
	}
	if given.Body != nil && len(*given.Body) > 65_536 {
		reply(w, http.StatusUnprocessableEntity, map[string]string{"message": "body is too long (maximum is 65536 characters)"})
		return
	}
	number, below, _ := strings.Cut(rest, "/")
	n, _ := strconv.Atoi(number)
	id, _ := strconv.Atoi(below)
	switch {
	case number == "comments" && r.Method == http.MethodPatch:
		of := id / commentIDs
		g.issues[of-1].Comments[id%commentIDs] = *given.Body
		reply(w, http.StatusOK, g.comment(of, id%commentIDs))
	case rest == "" && r.Method == http.MethodPost && kind == "pulls":
		made := g.add(Issue{Title: *given.Title, Body: *given.Body, User: Bot, PullRequest: &struct{}{}, Head: Branch{given.Head}, Base: Branch{given.Base}})
		made.HTMLURL = fmt.Sprintf("https://github.com/acme/platform/pull/%d", made.Number)
		reply(w, http.StatusCreated, made)
	case rest == "" && r.Method == http.MethodPost:
		reply(w, http.StatusCreated, g.add(Issue{Title: *given.Title, Body: *given.Body, User: Bot, Association: "NONE"}))
	case n < 1 || n > len(g.issues):
		reply(w, http.StatusNotFound, map[string]string{"message": "Not Found"})
	case below == "comments":
		g.issues[n-1].Comments = append(g.issues[n-1].Comments, *given.Body)
		reply(w, http.StatusCreated, g.comment(n, len(g.issues[n-1].Comments)-1))
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
