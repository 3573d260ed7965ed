package chart

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/errcode"
)

const (
	maxRedirects = 10
	maxPause     = 10 * time.Second
)

// retries bounds one piece of work on the network.
type retries struct {
	timeout time.Duration
	count   int
	pause   time.Duration
}

// statusError is an answer other than 200.
type statusError struct {
	code       int
	retryAfter time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("the server answers %d %s", e.code, http.StatusText(e.code))
}

// do calls work until it succeeds, fails for good, or was repeated often
// enough. Each attempt has a context of its own that ends with its timeout.
func (r retries) do(ctx context.Context, target string, work func(context.Context) error) error {
	pause := r.pause
	for attempt := 0; ; attempt++ {
		err := r.attempt(ctx, work)
		if err == nil || ctx.Err() != nil || attempt >= r.count || !transient(err) {
			return describe(target, err)
		}
		wait := pause
		if status := (*statusError)(nil); errors.As(err, &status) {
			wait = max(wait, status.retryAfter)
		}
		if err := sleep(ctx, min(wait, maxPause)); err != nil {
			return err
		}
		pause *= 2
	}
}

func (r retries) attempt(ctx context.Context, work func(context.Context) error) error {
	limited, cancel := context.WithTimeoutCause(ctx, r.timeout, fmt.Errorf("no complete answer within %s: %w", r.timeout, context.DeadlineExceeded))
	defer cancel()
	err := work(limited)
	if err != nil && limited.Err() != nil {
		return context.Cause(limited)
	}
	return err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// transient reports whether the same work may succeed a moment later.
func transient(err error) bool {
	if code := statusCode(err); code != 0 {
		return code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout
	}
	var problem *Problem
	var certificate *tls.CertificateVerificationError
	if errors.As(err, &problem) || errors.As(err, &certificate) {
		return false
	}
	for _, lasting := range []error{http.ErrSchemeMismatch, errdef.ErrNotFound, errdef.ErrInvalidReference} {
		if errors.Is(err, lasting) {
			return false
		}
	}
	return true
}

// statusCode returns the HTTP status that an error is about, 0 for none.
func statusCode(err error) int {
	var status *statusError
	var response *errcode.ErrorResponse
	switch {
	case errors.As(err, &status):
		return status.code
	case errors.As(err, &response):
		return response.StatusCode
	case errors.Is(err, auth.ErrBasicCredentialNotFound):
		return http.StatusUnauthorized
	}
	return 0
}

// describe names the target in the error. It leaves out the URL that the http
// packages put there: after a redirect, that may be a signed one.
func describe(target string, err error) error {
	var problem *Problem
	var inner *url.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &problem):
		return problem
	case statusCode(err) != 0:
		err = &statusError{code: statusCode(err)}
	case errors.As(err, &inner):
		err = inner.Err
	}
	return fmt.Errorf("fetching %s: %w", target, err)
}

// checkRedirect bounds redirects and refuses one from https to http.
func checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return redirectProblem(via[0], fmt.Sprintf("redirects more than %d times", maxRedirects))
	}
	if request.URL.Scheme != "https" && via[len(via)-1].URL.Scheme == "https" {
		return redirectProblem(via[0], "redirects from https to "+request.URL.Scheme)
	}
	return nil
}

func redirectProblem(first *http.Request, what string) *Problem {
	return repositoryProblem(fmt.Sprintf("%s %s", redact(first.URL.String()), what),
		"Name the repository's real address.")
}

// newTransport returns a transport as Helm's: proxies from the environment, and
// archives as they are, never unzipped on the way.
func newTransport(config *tls.Config) *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.DisableCompression = true
	transport.TLSClientConfig = config
	return transport
}

func retryAfter(header http.Header) time.Duration {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 3600)) * time.Second
}
