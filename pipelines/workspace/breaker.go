package workspace

import (
	"errors"
	"sync/atomic"

	"kasou/pipelines/host"
)

// Breaker is why the host is not asked any further in a run: it could not be
// reached, or did not accept who asked. Each cluster would wait for its own time
// to run out, and a fleet of 1,000 for hours.
type Breaker struct{ why atomic.Pointer[error] }

// Lost returns the error by which the host was lost; nil while it is asked.
func (b *Breaker) Lost() error {
	if why := b.why.Load(); why != nil {
		return *why
	}
	return nil
}

// Lose stops asking the host.
func (b *Breaker) Lose(err error) { b.why.CompareAndSwap(nil, &err) }

// Note stops asking where the error says that the host itself is out of reach. It
// returns the error.
func (b *Breaker) Note(err error) error {
	var gone *host.UnreachableError
	var stranger *host.UnauthorizedError
	if errors.As(err, &gone) || errors.As(err, &stranger) {
		b.Lose(err)
	}
	return err
}
