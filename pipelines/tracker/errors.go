package tracker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/go-github/v84/github"
)

// Error is GitHub that did not do what it was asked.
type Error struct {
	// Doing says what for, as "editing issue #7".
	Doing  string
	Reason string
	// Hint says what to do; empty where that is to try again.
	Hint string
}

func (e *Error) Error() string {
	text := e.Doing + ": " + e.Reason
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// ask asks once more where GitHub asks to wait, if it does not ask for long.
func (c connection) ask(ctx context.Context, doing string, do func() error) error {
	err := do()
	if wait, ok := asked(err); ok && wait <= c.options.Patience {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			err = do()
		}
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return c.explain(doing, err)
}

// asked returns how long GitHub asks to wait.
func asked(err error) (time.Duration, bool) {
	var often *github.AbuseRateLimitError
	var limit *github.RateLimitError
	switch {
	case errors.As(err, &often):
		return often.GetRetryAfter(), often.RetryAfter != nil
	case errors.As(err, &limit):
		return max(0, time.Until(limit.Rate.Reset.Time)), true
	}
	return 0, false
}

// explain makes an *Error of what the library says, whose text can hold the
// whole request.
func (c connection) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if wait, ok := asked(err); ok {
		return &Error{Doing: doing, Reason: fmt.Sprintf("GitHub lets nobody ask so often, and wants %s of quiet", wait.Round(time.Second))}
	}
	var answer *github.ErrorResponse
	var often *github.AbuseRateLimitError
	var asURL *url.Error
	switch {
	case errors.As(err, &often):
		return &Error{Doing: doing, Reason: "GitHub lets nobody ask so often"}
	case errors.As(err, &answer):
		return &Error{Doing: doing, Reason: fmt.Sprintf("GitHub answered HTTP %d: %s", answer.Response.StatusCode, answer.Message), Hint: c.hint(answer)}
	case errors.As(err, &asURL):
		return &Error{Doing: doing, Reason: asURL.Err.Error()}
	}
	return &Error{Doing: doing, Reason: "the answer could not be read"}
}

func (c connection) hint(answer *github.ErrorResponse) string {
	switch answer.Response.StatusCode {
	case http.StatusUnauthorized:
		return "the token in GITHUB_TOKEN is not accepted, or has expired"
	case http.StatusForbidden, http.StatusNotFound:
		if strings.Contains(answer.Message, "not permitted to create") {
			return "allow it: Settings, Actions, General, Allow GitHub Actions to create and approve pull requests"
		}
		return "the token in GITHUB_TOKEN needs `" + c.permission + "` on this repository; the job's permissions give it"
	case http.StatusGone:
		return "issues are turned off in this repository: turn them on, or leave out --issue"
	}
	return ""
}
