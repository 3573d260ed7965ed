package chart

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAMemoMakesOnceForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[int]
		var made atomic.Int64
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				got, err := m.do(t.Context(), "a", func(context.Context) (int, error) {
					time.Sleep(time.Second)
					return int(made.Add(1)), errors.New("down")
				})
				if got != 1 || err == nil {
					t.Errorf("got %d, %v", got, err)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("made %d times", made.Load())
		}
	})
}

// The first caller is interrupted; of two that wait one gives up, and the other makes
// the value itself.
func TestAMemoKeepsNobodysInterrupt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m memo[string]
		first, stop := context.WithCancel(t.Context())
		second, giveUp := context.WithCancel(t.Context())
		slow := func(ctx context.Context) (string, error) {
			select {
			case <-ctx.Done():
				return "", ctx.Err()
			case <-time.After(time.Minute):
				return "made", nil
			}
		}
		results := make([]error, 3)
		var got string
		var all sync.WaitGroup
		all.Go(func() { _, results[0] = m.do(first, "a", slow) })
		synctest.Wait()
		all.Go(func() { _, results[1] = m.do(second, "a", slow) })
		all.Go(func() { got, results[2] = m.do(t.Context(), "a", slow) })
		synctest.Wait()
		giveUp()
		synctest.Wait()
		if !errors.Is(results[1], context.Canceled) {
			t.Errorf("who gave up waits on: %v", results[1])
		}
		stop()
		all.Wait()
		if !errors.Is(results[0], context.Canceled) || results[2] != nil || got != "made" {
			t.Errorf("%v, and %q, %v", results[0], got, results[2])
		}
	})
}

func TestAMemoKeepsNothingThatIsAbsent(t *testing.T) {
	var m memo[int]
	_, err := m.do(t.Context(), "a", func(context.Context) (int, error) { return 0, errAbsent })
	got, again := m.do(t.Context(), "a", func(context.Context) (int, error) { return 7, nil })
	kept, _ := m.do(t.Context(), "a", func(context.Context) (int, error) { return 8, nil })
	if !errors.Is(err, errAbsent) || again != nil || got != 7 || kept != 7 {
		t.Errorf("%v, then %d, %v and %d", err, got, again, kept)
	}
}
