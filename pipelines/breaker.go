package pipelines

import (
	"errors"
	"sync/atomic"

	"kasou/pipelines/host"
)

// breaker is why the host is not asked any further in a run: it could not be
// reached, or did not accept who asked. Each cluster would wait for its own time
// to run out, and a fleet of 1,000 for hours.
type breaker struct{ why atomic.Pointer[error] }

// open returns the error by which the host was lost; nil while it is asked.
func (b *breaker) open() error {
	if why := b.why.Load(); why != nil {
		return *why
	}
	return nil
}

// lose stops asking.
func (b *breaker) lose(err error) { b.why.CompareAndSwap(nil, &err) }

// note stops asking where the error says that the host itself is out of reach. It
// returns the error.
func (b *breaker) note(err error) error {
	var gone *host.UnreachableError
	var stranger *host.UnauthorizedError
	if errors.As(err, &gone) || errors.As(err, &stranger) {
		b.lose(err)
	}
	return err
}
