package toolchain

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
)

// tool answers with what it is asked, and remembers its batches.
type tool struct {
	mu      sync.Mutex
	batches []string
}

func (o *tool) work(_ context.Context, asked []string) []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batches = append(o.batches, fmt.Sprint(asked))
	return asked
}

// together runs each member's calls, "key ask" each, and gives the batches.
func together(t *testing.T, members ...[][2]string) *tool {
	t.Helper()
	o, g := &tool{}, NewGroup()
	contexts := make([]context.Context, len(members))
	for i := range members {
		contexts[i] = g.Join(t.Context())
	}
	var all sync.WaitGroup
	for i, calls := range members {
		all.Go(func() {
			defer Leave(contexts[i])
			for _, c := range calls {
				if got, err := Together(contexts[i], c[0], c[1], o.work); err != nil || got != c[1] {
					t.Errorf("asked %s, got %q, %v", c[1], got, err)
				}
			}
		})
	}
	all.Wait()
	return o
}

func TestBatchesDependOnTheMembersAlone(t *testing.T) {
	for range 200 {
		o := together(t,
			[][2]string{{"a", "1"}, {"a", "1 again"}, {"b", "1"}},
			nil, // leaves without a call
			[][2]string{{"a", "3"}, {"b", "3"}},
			[][2]string{{"a", "4"}},
		)
		want := map[string]int{"[1 3 4]": 1, "[1 again]": 1, "[3]": 1, "[1]": 1}
		got := map[string]int{}
		for _, b := range o.batches {
			got[b]++
		}
		if !reflect.DeepEqual(got, want) || o.batches[0] != "[1 3 4]" || o.batches[3] != "[1]" {
			t.Fatalf("batches %q", o.batches)
		}
	}
}

func TestWithoutAGroupEachCallIsAlone(t *testing.T) {
	o, g := &tool{}, NewGroup()
	left := g.Join(t.Context())
	Leave(left)
	Leave(left)
	Leave(t.Context())
	g.Join(t.Context()) // never calls, never leaves
	for _, ctx := range []context.Context{t.Context(), left} {
		if got, err := Together(ctx, "a", "x", o.work); got != "x" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}

func TestWhoIsCancelledDoesNotWait(t *testing.T) {
	o, g := &tool{}, NewGroup()
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	one, two := g.Join(ctx), g.Join(t.Context())
	cancel(why)
	if _, err := Together(one, "a", "1", o.work); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	Leave(one)
	if got, err := Together(two, "a", "2", o.work); got != "2" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if want := []string{"[2]"}; !reflect.DeepEqual(o.batches, want) {
		t.Errorf("batches %q, want %q", o.batches, want)
	}
}

func TestABatchThatNobodyWaitsForEnds(t *testing.T) {
	g := NewGroup()
	ctx, cancel := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan error, 1)
	work := func(ctx context.Context, asked []int) []int {
		close(begun)
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return asked
	}
	var all sync.WaitGroup
	for i, member := range []context.Context{g.Join(ctx), g.Join(ctx)} {
		all.Go(func() {
			defer Leave(member)
			if _, err := Together(member, "a", i, work); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v", err)
			}
		})
	}
	<-begun
	cancel()
	all.Wait()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the batch ends for %v", err)
	}
}

// A member may call two tools at once.
func TestTwoCallsOfOneMember(t *testing.T) {
	o, g := &tool{}, NewGroup()
	var all sync.WaitGroup
	for _, m := range []context.Context{g.Join(t.Context()), g.Join(t.Context())} {
		all.Go(func() {
			defer Leave(m)
			var both sync.WaitGroup
			for range 2 {
				both.Go(func() {
					if _, err := Together(m, "a", "x", o.work); err != nil {
						t.Error(err)
					}
				})
			}
			both.Wait()
		})
	}
	all.Wait()
	if len(o.batches) == 0 || len(o.batches) > 4 {
		t.Errorf("batches %q", o.batches)
	}
}
