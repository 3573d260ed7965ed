package dagger

import "sync"

// memo remembers what was made for a key. Only one maker runs for a key at a
// time, and an error is not remembered. The zero value is ready.
type memo[V any] struct {
	mu      sync.Mutex
	entries map[string]*entry[V]
}

type entry[V any] struct {
	mu    sync.Mutex
	made  bool
	value V
}

func (m *memo[V]) get(key string, make func() (V, error)) (V, error) {
	e := m.entry(key)
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

func (m *memo[V]) entry(key string) *entry[V] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries == nil {
		m.entries = map[string]*entry[V]{}
	}
	e, ok := m.entries[key]
	if !ok {
		e = &entry[V]{}
		m.entries[key] = e
	}
	return e
}
