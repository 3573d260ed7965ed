package drift

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"kasou/pipelines/fleet"
	"kasou/pipelines/host"
	"kasou/pipelines/workspace"
)

// hanging takes connections and never says a word; it counts them.
func hanging(t *testing.T) (address string, connections *atomic.Int64) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String(), connections
}

// A thousand endpoints behind an address that takes connections and does not answer cost
// some rounds of waiting, and each is unknown: none is good, none is drift.
func TestADeadAddressIsNotWaitedForByEach(t *testing.T) {
	address, connections := hanging(t)
	l := &liveWatch{watch: &watch{options: Options{Now: time.Now(), Within: DefaultWithin}}, reach: newReach(100 * time.Millisecond)}
	clusters := make([]fleet.Cluster, 1000)
	for i := range clusters {
		clusters[i].Name = fmt.Sprintf("c%03d", i)
		clusters[i].Spec.Server = "https://" + address + "/" + clusters[i].Name
	}
	start := time.Now()
	rows := workspace.Each(t.Context(), liveJobs, clusters, func(ctx context.Context, c fleet.Cluster) int {
		found := l.endpointOf(c, nil).certificateRows(ctx)
		expect(t, found, RuleUnknown, c.Spec.Server)
		return len(found)
	}, nil)
	for i, n := range rows {
		if n != 1 {
			t.Errorf("%s has %d rows", clusters[i].Name, n)
		}
	}
	if n := connections.Load(); n < silentAtOne || n >= 2*silentAtOne+liveJobs {
		t.Errorf("%d connections", n)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// asked is a reach that was asked so many times, each with the error.
func asked(t *testing.T, r *reach, server string, times int, err error) (questions int) {
	t.Helper()
	for i := range times {
		_ = r.ask(t.Context(), fmt.Sprintf("%s/%d", server, i), func() error { questions++; return err })
	}
	return questions
}

func TestReach(t *testing.T) {
	late := &host.UnreachableError{Reason: "no answer", Err: context.DeadlineExceeded}
	refused := &host.UnreachableError{Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}
	noRoute := &host.UnreachableError{Err: &net.OpError{Op: "dial", Err: syscall.ENETUNREACH}}
	noName := &host.UnreachableError{Err: &url.Error{Err: &net.DNSError{IsNotFound: true}}}
	const one, two = "https://192.0.2.1:6443", "https://192.0.2.2:6443"
	t.Run("one answer in between", func(t *testing.T) {
		for _, answer := range []error{nil, refused, &host.SilentError{}, errors.New("no TLS")} {
			r := newReach(time.Second)
			asked(t, r, one, silentAtOne-1, late)
			asked(t, r, one+"/good", 1, answer)
			if n := asked(t, r, one+"/more", silentAtOne-1, late); n != silentAtOne-1 {
				t.Errorf("after %v: %d questions", answer, n)
			}
		}
	})
	t.Run("no answer in between", func(t *testing.T) {
		for _, answer := range []error{noRoute, noName} {
			r := newReach(time.Second)
			asked(t, r, one, silentAtOne-1, late)
			asked(t, r, one+"/none", 1, answer)
			if n := asked(t, r, one+"/more", 5, late); n != 1 {
				t.Errorf("after %v: %d questions", answer, n)
			}
		}
	})
	t.Run("another address", func(t *testing.T) {
		r := newReach(time.Second)
		asked(t, r, one, silentAtOne, late)
		if n := asked(t, r, two, 3, nil); n != 3 {
			t.Errorf("%d questions at another address", n)
		}
		if n := asked(t, r, strings.Replace(one, "6443", "443", 1), 3, nil); n != 3 {
			t.Errorf("%d questions at another port", n)
		}
		err := r.ask(t.Context(), one, func() error { t.Error("asked"); return nil })
		if err == nil || !strings.Contains(err.Error(), "192.0.2.1 port 6443 did not answer") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("all addresses", func(t *testing.T) {
		r := newReach(time.Second)
		for i := range silentAtAll {
			asked(t, r, fmt.Sprintf("https://192.0.2.%d", i), 1, late)
		}
		err := r.ask(t.Context(), "https://198.51.100.1", func() error { t.Error("asked"); return nil })
		if err == nil || !strings.Contains(err.Error(), "no more are asked from here") {
			t.Errorf("the error is %v", err)
		}
	})
	t.Run("the same server", func(t *testing.T) {
		r := newReach(time.Second)
		if n := asked(t, r, one, 1, late) + asked(t, r, one, 1, nil); n != 1 {
			t.Errorf("%d questions", n)
		}
	})
	t.Run("given up", func(t *testing.T) {
		r, ctx := newReach(time.Second), t.Context()
		stopped, cancel := context.WithCancel(ctx)
		cancel()
		for range silentAtAll {
			_ = r.ask(stopped, one, func() error { return late })
		}
		if n := asked(t, r, one, 1, nil); n != 1 {
			t.Error("what was given up counts as silent")
		}
	})
}

// A resolver that hangs is not asked for each name.
func TestADeadResolver(t *testing.T) {
	r := newReach(time.Second)
	r.silent["the resolver"] = silentAtOne
	_, err := r.addresses(t.Context(), "a.example.com")
	dns, ok := errors.AsType[*net.DNSError](err)
	if !ok || dns.IsNotFound || !timedOut(err) {
		t.Errorf("the error is %v", err)
	}
	if found, err := r.addresses(t.Context(), "192.0.2.1"); err != nil || len(found) != 1 {
		t.Errorf("an address: %v, %v", found, err)
	}
}
