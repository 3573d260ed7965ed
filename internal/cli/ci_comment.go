package cli

import (
	"context"
	"errors"
	"fmt"

	"kasou/pipelines"
	"kasou/pipelines/report"
	"kasou/pipelines/tracker"
)

// pullEvent is what GitHub tells a run of the pull request that it is for.
type pullEvent struct {
	PullRequest struct {
		Number int `json:"number"`
		Head   end `json:"head"`
		Base   end `json:"base"`
	} `json:"pull_request"`
}

type end struct {
	Repo struct {
		FullName string `json:"full_name"`
	} `json:"repo"`
}

// isFork reports whether the pull request comes from another repository.
func (e pullEvent) isFork() bool {
	return e.PullRequest.Head.Repo.FullName != e.PullRequest.Base.Repo.FullName
}

// commented returns check, which says on the pull request what it found. A comment
// that cannot be written hides nothing of it, and fails nothing.
func commented(s *session) (pipelines.Pipeline, error) {
	var event pullEvent
	if err := readEvent(s.env.Getenv, &event); err != nil {
		return nil, err
	}
	switch {
	case event.PullRequest.Number == 0:
		fmt.Fprintln(s.env.Stderr, "kasou: no comment, because this run is for no pull request")
		return pipelines.Check, nil
	case event.isFork() && s.env.Getenv("GITHUB_EVENT_NAME") == "pull_request":
		fmt.Fprintln(s.env.Stderr, "kasou: no comment, because the pull request is of a fork, whose token only reads")
		return pipelines.Check, nil
	}
	o, err := apiOptions(s, "--comment", "pull-requests: write")
	if err != nil {
		return nil, err
	}
	pulls, err := tracker.NewPulls(o)
	if err != nil {
		return nil, usageError{err}
	}
	return func(ctx context.Context, o pipelines.Options) (*report.Report, error) {
		r, err := pipelines.Check(ctx, o)
		if err == nil {
			err = comment(ctx, s, pulls, event.PullRequest.Number, r)
		}
		return r, err
	}, nil
}

func comment(ctx context.Context, s *session, pulls *tracker.Pulls, number int, r *report.Report) error {
	text, quiet := report.Comment(r, report.Options{Source: s.source}, tracker.Room)
	result, err := pulls.Comment(ctx, tracker.Comment{Number: number, Body: text, Silent: quiet})
	var failed *tracker.Error
	switch {
	case errors.As(err, &failed):
		fmt.Fprintf(s.env.Stderr, "kasou: no comment: %v\n", err)
		return nil
	case err != nil:
		return err
	}
	s.env.say("comment", result)
	return nil
}
