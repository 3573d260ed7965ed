package publish

import (
	"context"
	"math/rand/v2"
	"time"
)

// tries is how often a push is tried.
const tries = 10

// Backoff waits before a try, numbered from 2: about half a second at first,
// twice as long each time, 30 seconds at most, less up to a half by chance, so
// that those who collided once do not collide again. It gives ctx's error when
// that ends first.
func Backoff(ctx context.Context, try int) error {
	timer := time.NewTimer(delay(try, rand.Float64()))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// delay takes a chance between 0 and 1.
func delay(try int, chance float64) time.Duration {
	const first, most = 500 * time.Millisecond, 30 * time.Second
	longest := most
	if doublings := try - 2; doublings < 6 {
		longest = min(most, first<<max(0, doublings))
	}
	return longest - time.Duration(chance*float64(longest)/2)
}
