package pipelines

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// each calls work for every item, jobs at a time, and gives the results in the
// items' order. Once ctx is done the remaining items are left at their zero
// value.
func each[T, R any](ctx context.Context, jobs int, items []T, work func(context.Context, T) R, step func(done int, item T)) []R {
	results := make([]R, len(items))
	var group errgroup.Group
	group.SetLimit(jobs)
	var done atomic.Int64
	for i, item := range items {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			results[i] = work(ctx, item)
			step(int(done.Add(1)), item)
			return nil
		})
	}
	_ = group.Wait() // the work gives no error
	return results
}
