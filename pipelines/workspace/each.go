package workspace

import (
	"context"
	"sync"
	"sync/atomic"
)

// Each calls work for every item, jobs at a time, and returns the results in the
// items' order. Once ctx is done the remaining items are left at their zero
// value. It starts no goroutine for each item: most of a large fleet is done in
// less time than a new stack takes to grow. step hears how many are done; nil where
// nobody listens.
func Each[T, R any](ctx context.Context, jobs int, items []T, work func(context.Context, T) R, step func(done int, item T)) []R {
	results := make([]R, len(items))
	var group sync.WaitGroup
	var next, done atomic.Int64
	for range min(jobs, len(items)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(items) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				results[i] = work(ctx, items[i])
				if n := int(done.Add(1)); step != nil {
					step(n, items[i])
				}
			}
		})
	}
	group.Wait()
	return results
}
