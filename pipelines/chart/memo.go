package chart

import (
	"context"
	"errors"
	"sync"
)

// memo is a cache of what was fetched, so that a thousand clusters with one chart
// cost one fetch. Failures are kept too: a repository that is down is asked once, not
// once for each cluster. The zero value is ready.
type memo[T any] struct{ entries sync.Map }

type kept[T any] struct {
	// turn is full while one caller makes the value, or looks whether it is made.
	turn  chan struct{}
	made  bool
	value T
	err   error
}

// do returns what make gave for the key, now or earlier. A caller that gives up
// leaves no trace: neither the next nor a waiting caller sees its cancellation.
func (m *memo[T]) do(ctx context.Context, key string, make func(context.Context) (T, error)) (T, error) {
	e := m.kept(key)
	select {
	case e.turn <- struct{}{}:
		defer func() { <-e.turn }()
	case <-ctx.Done():
		var none T
		return none, context.Cause(ctx)
	}
	if e.made {
		return e.value, e.err
	}
	value, err := make(ctx)
	if ctx.Err() == nil && !errors.Is(err, errAbsent) {
		e.made, e.value, e.err = true, value, err
	}
	return value, err
}

func (m *memo[T]) kept(key string) *kept[T] {
	known, ok := m.entries.Load(key)
	if !ok {
		known, _ = m.entries.LoadOrStore(key, &kept[T]{turn: make(chan struct{}, 1)})
	}
	return known.(*kept[T])
}
