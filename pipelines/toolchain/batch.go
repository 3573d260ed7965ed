package toolchain

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
)

// Result is what came of one of several calls: the value, or why there is none.
type Result[T any] struct {
	Value T
	Err   error
}

// Get returns both.
func (r Result[T]) Get() (T, error) { return r.Value, r.Err }

// Each answers calls by one function, as many at a time as there are processors, and
// returns the results in the calls' order. Where ctx is done, the calls that were not
// begun fail with its cause.
func Each[Q, A any](ctx context.Context, calls []Q, answer func(context.Context, Q) (A, error)) []Result[A] {
	results := make([]Result[A], len(calls))
	var next atomic.Int64
	work := func() {
		for i := int(next.Add(1)) - 1; i < len(calls); i = int(next.Add(1)) - 1 {
			if ctx.Err() != nil {
				results[i].Err = context.Cause(ctx)
				continue
			}
			results[i].Value, results[i].Err = answer(ctx, calls[i])
		}
	}
	if len(calls) == 1 {
		work() // not in another goroutine, whose stack would have to grow each time
		return results
	}
	var group sync.WaitGroup
	for range min(len(calls), runtime.GOMAXPROCS(0)) {
		group.Go(work)
	}
	group.Wait()
	return results
}
