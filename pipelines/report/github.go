package report

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// GitHub speaks to the GitHub Actions runner that the process runs under. All
// of its methods do nothing on a nil *GitHub, so callers need no check of their
// own outside Actions. Whatever text it is given, only what it means itself
// becomes a workflow command, an output or markup.
type GitHub struct {
	action *githubactions.Action
	getenv func(string) string
}

// NewGitHub returns the runner around the process, and whether there is one:
// GITHUB_ACTIONS=true. Commands go to w, which may be stdout or stderr: the
// runner reads both.
func NewGitHub(getenv func(string) string, w io.Writer) (*GitHub, bool) {
	if getenv("GITHUB_ACTIONS") != "true" {
		return nil, false
	}
	action := githubactions.New(
		githubactions.WithWriter(unfailing{w}),
		githubactions.WithGetenv(getenv),
	)
	return &GitHub{action: action, getenv: getenv}, true
}

// unfailing drops errors: the library panics on them, and a log that can't be
// written can't say so either.
type unfailing struct{ io.Writer }

func (u unfailing) Write(p []byte) (int, error) {
	_, _ = u.Writer.Write(p)
	return len(p), nil
}

// Report returns the report in every way that GitHub shows: annotations, the step
// summary and the outputs. The error is one of the runner's files that could
// not be written.
func (g *GitHub) Report(r *Report, o Options) error {
	if g == nil {
		return nil
	}
	g.Annotations(r)
	return errors.Join(g.Summary(r, o), g.Outputs(r))
}

// Failure shows an error that belongs to no report and no file.
func (g *GitHub) Failure(err error) {
	if g != nil {
		g.action.Errorf("%s", clip(clean(err.Error()), annotationSize))
	}
}

// writeFile calls write, which appends to the file that the runner named in
// env. The library panics where it can't. Without a name there is no such file:
// runners of other makers lack some of them.
func (g *GitHub) writeFile(env string, write func()) (err error) {
	if g.getenv(env) == "" {
		return nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: %v", env, p)
		}
	}()
	write()
	return nil
}

// valid makes text of bytes that may be none.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// clean makes text of several lines inert, line by line.
func clean(s string) string {
	lines := strings.Split(valid(s), "\n")
	for i, line := range lines {
		lines[i] = Inert(strings.TrimRight(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

// clip cuts text to at most n bytes, between two characters, and marks the cut.
func clip(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n-len(mark)], "") + mark
}
