package backoff

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestDelay(t *testing.T) {
	for _, c := range []struct {
		try    int
		chance float64
		want   time.Duration
	}{
		{2, 0, 500 * time.Millisecond}, {2, 1, 250 * time.Millisecond}, {3, 0, time.Second},
		{7, 0, 16 * time.Second}, {8, 0, 30 * time.Second}, {10, 1, 15 * time.Second}, {1000, 0, 30 * time.Second},
	} {
		if got := delay(c.try, c.chance); got != c.want {
			t.Errorf("try %d, chance %v: %v, want %v", c.try, c.chance, got, c.want)
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Wait(ctx, 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if err := Wait(t.Context(), 2); err != nil {
		t.Error(err)
	}
}
