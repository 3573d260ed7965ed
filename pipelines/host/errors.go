package host

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"kasou/pipelines/finding"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ForbiddenError is a host that does not let kasou do something. What was asked
// for stays unknown.
type ForbiddenError struct {
	// Doing says what kasou wanted, as "reading …".
	Doing string
	// Needs is the permission that is missing.
	Needs Permission
	// Said is what the host answered.
	Said string
}

func (e *ForbiddenError) Error() string {
	text := fmt.Sprintf("%s: the host forbids %s; add this rule to %s (docs/rbac.md has all of them):\n%s",
		e.Doing, e.Needs, e.Needs.Kind(), e.Needs.Rule())
	if e.Said != "" {
		text += "The host said: " + e.Said
	}
	return strings.TrimSuffix(text, "\n")
}

// UnauthorizedError is a host that does not know who asks. What was asked for
// stays unknown.
type UnauthorizedError struct{ Doing string }

func (e *UnauthorizedError) Error() string {
	return e.Doing + ": the host does not accept these credentials (HTTP 401); they may have expired"
}

// UnreachableError is a host that gave no usable answer: no connection, no
// time, a broken server, garbage. What was asked for stays unknown, which is
// neither good nor bad.
type UnreachableError struct {
	Doing string
	// Whom is what was asked; the host where it is empty.
	Whom string
	// Reason says what happened to the last attempt.
	Reason string
	Err    error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("%s: %s cannot be asked: %s", e.Doing, cmp.Or(e.Whom, "the host"), e.Reason)
}

// Unwrap returns what went wrong. Its text can hold what the server sent; Error's
// does not.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Hint returns what to do where a host did not give an answer that tells anything; empty for
// other errors. A *ForbiddenError and a *ConfigError say it themselves.
func Hint(err error) string {
	if _, ok := errors.AsType[*UnauthorizedError](err); ok {
		return "Renew the credentials in the kubeconfig."
	}
	if e, ok := errors.AsType[*UnreachableError](err); ok && e.Whom == "" {
		return "See whether kubectl reaches the host from here, and run the same command again."
	}
	return ""
}

var errGarbage = errors.New("it answered with something that is not a Kubernetes object")

// classify returns the last attempt's error as one that a caller can tell apart. Not
// found, invalid and bad request are for the caller to judge.
func (h *connection) classify(c call, err error) error {
	switch {
	case apierrors.IsForbidden(err):
		return &ForbiddenError{Doing: c.doing, Needs: c.needs, Said: said(err)}
	case apierrors.IsUnauthorized(err):
		return &UnauthorizedError{Doing: c.doing}
	case apierrors.IsNotFound(err), apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return err
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", c.doing, context.Canceled)
	}
	return &UnreachableError{Doing: c.doing, Reason: reason(err, h.options.Timeout), Err: err}
}

// reason says what went wrong, without what a server that is none may have
// sent: an answer to a request for a Secret could be anything.
func reason(err error, timeout time.Duration) string {
	for _, known := range []error{errRedirect, errGarbage, errTooLong} {
		if errors.Is(err, known) {
			return known.Error()
		}
	}
	var status apierrors.APIStatus
	var asURL *url.Error
	switch {
	case errors.As(err, &status):
		code := status.Status().Code
		return strings.TrimSuffix(fmt.Sprintf("it answered HTTP %d %s: %s", code, http.StatusText(int(code)), said(err)), ": ")
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", timeout)
	case errors.As(err, &asURL):
		return plain(asURL.Err.Error())
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the answer broke off"
	}
	return "the answer could not be read"
}

// said returns a Status' message. Where the server sent no Status, client-go
// puts the body there: that is left out.
func said(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || apierrors.IsUnexpectedServerError(err) {
		return ""
	}
	return plain(status.Status().Message)
}

// plain makes a server's text harmless on a terminal and in a log: one line of
// at most 300 characters.
func plain(text string) string {
	words := strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
	return finding.Short(strings.Join(words, " "), 300)
}
