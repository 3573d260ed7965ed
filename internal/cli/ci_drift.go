package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"kasou/pipelines"
	"kasou/pipelines/publish"
	"kasou/pipelines/report"
	"kasou/pipelines/tracker"
)

// lookForDrift runs drift, publishes what it repaired, and keeps the issue.
func (c *ciCommand) lookForDrift(cmd *cobra.Command, s *session, mode string) error {
	var issue *tracker.Tracker
	if c.issue {
		o, err := apiOptions(s, "--issue", "issues: write")
		if err != nil {
			return err
		}
		if issue, err = tracker.New(o); err != nil {
			return usageError{err}
		}
	}
	d := c.drift.options()
	if mode == "commit" {
		if _, err := c.publisher(cmd.Context(), s); err != nil {
			return err // before the long look
		}
		d.Write = func(ctx context.Context, o pipelines.Options, repair pipelines.Pipeline) (*report.Report, error) {
			return c.repairAndPublish(ctx, s, o, repair)
		}
	}
	return s.run(cmd, "looking", func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
		r, err := pipelines.Drift(ctx, o, d)
		if err == nil && issue != nil {
			err = updateIssue(ctx, s, issue, r)
		}
		return r, err
	})
}

// repairAndPublish publishes a repair that went well. What did not, or was not
// published, the report says: it must not hide what else drifts.
func (c *ciCommand) repairAndPublish(ctx context.Context, s *session, o pipelines.Options, repair pipelines.Pipeline) (*report.Report, error) {
	p, err := c.publisher(ctx, s)
	if err != nil {
		return nil, err
	}
	r, err := repair(ctx, o)
	if err != nil || r.Failed() || len(r.Unfinished) > 0 {
		return r, err
	}
	err = publishBuilt(ctx, s, p, r, repair)
	var findings *publish.FindingsError
	switch {
	case errors.As(err, &findings):
		r.Findings = append(r.Findings, findings.Findings...)
	case err != nil && ctx.Err() == nil:
		r.Unfinished = append(r.Unfinished, report.Unfinished{Message: errNothingPublished.Error() + ": " + err.Error()})
	}
	return r, ctx.Err()
}

// apiOptions returns how GitHub's API is reached; what asks for it, and with which
// permission, the error says.
func apiOptions(s *session, what, permission string) (tracker.Options, error) {
	token, repository := s.env.Getenv("GITHUB_TOKEN"), s.env.Getenv("GITHUB_REPOSITORY")
	if token == "" || repository == "" {
		return tracker.Options{}, usagef("%s takes GITHUB_TOKEN, of a job with the permission %s, and GITHUB_REPOSITORY, which Actions sets", what, permission)
	}
	s.github.Mask(token)
	return tracker.Options{API: s.env.Getenv("GITHUB_API_URL"), Repository: repository, Token: token, Key: report.PlainName(s.dir)}, nil
}

// updateIssue makes the issue say what the report does. A tracker that fails
// hides nothing of it: that is unfinished.
func updateIssue(ctx context.Context, s *session, issue *tracker.Tracker, r *report.Report) error {
	result, err := issue.Update(ctx, tracker.State{
		Drift: r.Failed(), Unknown: len(r.Unfinished) > 0, Run: runURL(s.env.Getenv),
		Title: "Drift of the virtual clusters in " + report.PlainName(s.dir),
		Body:  report.Issue(r, report.Options{Source: s.source}, tracker.Room),
	})
	var failed *tracker.Error
	switch {
	case errors.As(err, &failed):
		r.Unfinished = append(r.Unfinished, report.Unfinished{Message: "the GitHub issue: " + failed.Error()})
		return nil
	case err != nil:
		return err
	}
	s.env.say("issue", result)
	return nil
}

// say tells what was done on GitHub to an issue, a comment or a pull request.
func (e Env) say(what string, result tracker.Result) {
	if result.Action != tracker.None {
		fmt.Fprintf(e.Stderr, "kasou: %s the %s %s\n", result.Action, what, result.URL)
	}
}

// runURL is the page of the workflow's run; a word outside Actions.
func runURL(getenv func(string) string) string {
	server, id := getenv("GITHUB_SERVER_URL"), getenv("GITHUB_RUN_ID")
	if server == "" || id == "" {
		return "a run outside Actions"
	}
	return server + "/" + getenv("GITHUB_REPOSITORY") + "/actions/runs/" + id
}
