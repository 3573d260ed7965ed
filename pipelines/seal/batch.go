package seal

import (
	"context"
	"errors"
	"strings"
	"sync"

	"kasou/pipelines/toolchain"
)

// ErrGathered is Rendered's error where a Batch has gathered what it asks for: it is to
// be called once more after Batch.Answer.
var ErrGathered = errors.New("the Secrets are to be sealed with those of other clusters")

// Batch is the tool of several clusters' sealers, and has all that they ask for sealed
// by one call. In a first pass over the clusters it gathers the requests; Answer has
// them sealed; in a second pass over the clusters that asked it gives the answers. Any
// number of goroutines may use it.
type Batch struct {
	mu       sync.Mutex
	requests []toolchain.SealRequest
	places   map[string]int
	answers  []toolchain.Result[[]byte]
}

// Seal returns the answers to the requests. Those that have none yet are gathered, and
// fail with ErrGathered.
func (b *Batch) Seal(_ context.Context, requests ...toolchain.SealRequest) []toolchain.Result[[]byte] {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.places == nil {
		b.places = map[string]int{}
	}
	results := make([]toolchain.Result[[]byte], len(requests))
	for i, r := range requests {
		key := strings.Join([]string{r.Scope, string(r.Certificate), string(r.Secret)}, "\x00")
		place, known := b.places[key]
		if !known {
			place = len(b.requests)
			b.places[key] = place
			b.requests = append(b.requests, r)
		}
		results[i].Err = ErrGathered
		if place < len(b.answers) {
			results[i] = b.answers[place]
		}
	}
	return results
}

// Answer has the tool seal what was gathered, and reports whether anything was.
func (b *Batch) Answer(ctx context.Context, tool toolchain.Kubeseal) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.requests) == 0 {
		return false
	}
	b.answers = append(b.answers, tool.Seal(ctx, b.requests[len(b.answers):]...)...)
	return true
}
