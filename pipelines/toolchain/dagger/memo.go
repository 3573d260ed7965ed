package dagger

import "sync"

// memo is a cache of what was made for a key. Only one maker runs for a key at a
// time, and an error is not kept. The zero value is ready.
type memo[V any] struct{ entries sync.Map }

type entry[V any] struct {
	mu    sync.Mutex
	made  bool
	value V
}

func (m *memo[V]) get(key string, make func() (V, error)) (V, error) {
	known, _ := m.entries.LoadOrStore(key, &entry[V]{})
	e := known.(*entry[V])
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.made {
		return e.value, nil
	}
	value, err := make()
	if err != nil {
		return value, err
	}
	e.value, e.made = value, true
	return value, nil
}
