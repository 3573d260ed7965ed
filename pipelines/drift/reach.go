package drift

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"

	"kasou/pipelines/host"
)

// How many endpoints in a row may stay silent before no more are asked: those behind one
// address, which are asked liveJobs at a time, and all together.
const (
	silentAtOne = liveJobs
	silentAtAll = 4 * liveJobs
)

// reach asks endpoints, and bounds how long those wait that are out of reach: behind an
// address that does not answer, no more are asked than it takes to know that. What is not
// asked is unknown.
type reach struct {
	// patience is how long one question waits.
	patience time.Duration

	mu sync.Mutex
	// silent are the endpoints in a row that did not answer, by where the connection goes;
	// "" has those of all.
	silent map[string]int
	// lost are the servers that did not answer: they are not asked a second time.
	lost map[string]error
	// names are the answers of the resolver.
	names map[string]resolved
}

type resolved struct {
	addresses []netip.Addr
	err       error
}

func newReach(patience time.Duration) *reach {
	return &reach{patience: patience, silent: map[string]int{}, lost: map[string]error{}, names: map[string]resolved{}}
}

// ask asks a server by question, which returns nil, or an error that may be an
// *host.UnreachableError, and returns its error. Where the server did not answer before,
// or too many behind its address did not, the question is not asked, and the error is an
// *host.UnreachableError that says so.
func (r *reach) ask(ctx context.Context, server string, question func() error) error {
	at := r.where(ctx, server)
	if err := r.skips(server, at); err != nil {
		return err
	}
	err := question()
	if ctx.Err() != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case timedOut(err):
		r.silent[at]++
		r.silent[""]++
		r.lost[server] = err
	case answered(err):
		r.silent[at], r.silent[""] = 0, 0
	}
	return err
}

// answered reports whether somebody was there, whatever the answer: not so where there is
// no name or no route.
func answered(err error) bool {
	var name *net.DNSError
	var dial *net.OpError
	return !errors.As(err, &name) && (!errors.As(err, &dial) || dial.Op != "dial" || errors.Is(err, syscall.ECONNREFUSED))
}

// skips returns why a server is not asked; nil where it is.
func (r *reach) skips(server, at string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.lost[server]; err != nil {
		return err
	}
	var reason string
	switch {
	case r.silent[at] >= silentAtOne:
		reason = fmt.Sprintf("%d endpoints in a row at %s did not answer, and no more are asked there", silentAtOne, at)
	case r.silent[""] >= silentAtAll:
		reason = fmt.Sprintf("%d endpoints in a row did not answer, and no more are asked from here", silentAtAll)
	default:
		return nil
	}
	return &host.UnreachableError{Doing: "looking at its endpoint", Whom: server, Reason: reason, Err: context.DeadlineExceeded}
}

// where returns to what a connection to the server goes: the addresses and the port, or
// the proxy; the host name where it does not resolve.
func (r *reach) where(ctx context.Context, server string) string {
	if host.Proxied(server) {
		return "the proxy"
	}
	u, err := url.Parse(server)
	if err != nil {
		return server
	}
	found, err := r.addresses(ctx, u.Hostname())
	if err != nil || len(found) == 0 {
		return u.Host
	}
	all := make([]string, len(found))
	for i, a := range found {
		all[i] = a.String()
	}
	at := strings.Join(all, ", ")
	if port := u.Port(); port != "" {
		at += " port " + port
	}
	return at
}

// addresses is host.Addresses, asked once for each name. A resolver that does not answer
// is asked no more after some names; the error is its last one.
func (r *reach) addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	const resolver = "the resolver"
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	r.mu.Lock()
	known, ok := r.names[name]
	if !ok && r.silent[resolver] >= silentAtOne {
		known, ok = resolved{err: &net.DNSError{Err: "the resolver does not answer", Name: name, IsTimeout: true}}, true
	}
	r.mu.Unlock()
	if ok {
		return known.addresses, known.err
	}
	found, err := host.Addresses(ctx, name)
	if ctx.Err() != nil {
		return found, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names[name] = resolved{found, err}
	if timedOut(err) {
		r.silent[resolver]++
	} else {
		r.silent[resolver] = 0
	}
	return found, err
}

// timedOut reports whether nobody answered in time. A refusal is an answer.
func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
