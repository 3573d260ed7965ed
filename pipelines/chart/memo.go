package chart

import (
	"context"
	"errors"
	"sync"

	"golang.org/x/sync/singleflight"
)

// memo caches what was fetched, so that a thousand clusters with one chart
// cost one fetch. Failures are cached, too: a repository that is down is
// asked once, not once for each cluster.
type memo[T any] struct {
	group singleflight.Group
	mu    sync.Mutex
	done  map[string]outcome[T]
}

type outcome[T any] struct {
	value T
	err   error
}

// do returns what make gave for the key, now or earlier. A caller that gives up
// leaves no trace: neither the next nor a waiting caller sees its cancellation.
func (m *memo[T]) do(ctx context.Context, key string, make func(context.Context) (T, error)) (T, error) {
	for {
		if known, ok := m.get(key); ok {
			return known.value, known.err
		}
		flight := m.group.DoChan(key, func() (any, error) {
			if known, ok := m.get(key); ok {
				return known, nil
			}
			value, err := make(ctx)
			result := outcome[T]{value, err}
			if ctx.Err() == nil && !errors.Is(err, errAbsent) {
				m.put(key, result)
			}
			return result, nil
		})
		select {
		case <-ctx.Done():
			var none T
			return none, context.Cause(ctx)
		case shared := <-flight:
			result := shared.Val.(outcome[T])
			if !errors.Is(result.err, context.Canceled) && !errors.Is(result.err, context.DeadlineExceeded) {
				return result.value, result.err
			}
			if known, ok := m.get(key); ok {
				return known.value, known.err
			}
			if ctx.Err() != nil {
				return result.value, context.Cause(ctx)
			}
		}
	}
}

func (m *memo[T]) get(key string) (outcome[T], bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	known, ok := m.done[key]
	return known, ok
}

func (m *memo[T]) put(key string, result outcome[T]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.done == nil {
		m.done = map[string]outcome[T]{}
	}
	m.done[key] = result
}
