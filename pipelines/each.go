package pipelines

import (
	"context"
	"hash/fnv"
	"sync"
	"sync/atomic"

	"kasou/pipelines/toolchain"
)

// each calls work for every item, jobs at a time, and gives the results in the
// items' order. Once ctx is done the remaining items are left at their zero
// value. It starts no goroutine for each item: most of a large fleet is done in
// less time than a new stack takes to grow.
func each[T, R any](ctx context.Context, jobs int, items []T, work func(context.Context, T) R, step func(done int, item T)) []R {
	results := make([]R, len(items))
	var group sync.WaitGroup
	var next, done atomic.Int64
	for range min(jobs, len(items)) {
		group.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(items) && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				results[i] = work(ctx, items[i])
				step(int(done.Add(1)), items[i])
			}
		})
	}
	group.Wait()
	return results
}

// together is each for groups of items, side by side within a group, and atOnce
// groups at a time; finish is called with each group's results.
func together[T, R any](ctx context.Context, atOnce int, groups [][]T, work func(context.Context, T) R, finish func(context.Context, []T, []R), step func(done int, item T)) []R {
	type place struct{ begin, end int }
	var items []T
	var places []place
	for _, g := range groups {
		places = append(places, place{len(items), len(items) + len(g)})
		items = append(items, g...)
	}
	results := make([]R, len(items))
	var done atomic.Int64
	each(ctx, atOnce, places, func(ctx context.Context, p place) struct{} {
		group := toolchain.NewGroup()
		contexts := make([]context.Context, p.end-p.begin)
		for i := range contexts {
			contexts[i] = group.Join(ctx)
		}
		var members sync.WaitGroup
		for i, ctx := range contexts {
			members.Go(func() {
				defer toolchain.Leave(ctx)
				results[p.begin+i] = work(ctx, items[p.begin+i])
				step(int(done.Add(1)), items[p.begin+i])
			})
		}
		members.Wait()
		finish(ctx, items[p.begin:p.end], results[p.begin:p.end])
		return struct{}{}
	}, func(int, place) {})
	return results
}

// grouped cuts items into groups of about size, so that the same items are
// grouped the same, and one more or less moves few others: a group ends where
// the item's own name says so.
func grouped[T any](items []T, size int, name func(T) string) [][]T {
	var groups [][]T
	begin, half := 0, max(size/2, 1)
	for i, item := range items {
		h := fnv.New32a()
		_, _ = h.Write([]byte(name(item))) // never fails
		n := i + 1 - begin
		if n >= half && int(h.Sum32()%uint32(half)) == 0 || n >= 2*size {
			groups = append(groups, items[begin:i+1])
			begin = i + 1
		}
	}
	if begin < len(items) {
		groups = append(groups, items[begin:])
	}
	return groups
}
