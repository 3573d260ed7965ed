package pipelines

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"kasou/pipelines/toolchain"
)

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("team-%05d", i)
	}
	return all
}

func itself(name string) string { return name }

func TestGroupsHoldAllInOrder(t *testing.T) {
	for _, n := range []int{0, 1, 7, 1000} {
		all := names(n)
		groups := grouped(all, 48, itself)
		if got := slices.Concat(groups...); !slices.Equal(got, all) {
			t.Errorf("%d: %v", n, got)
		}
		for i, g := range groups {
			if len(g) > 96 || len(g) < 24 && i < len(groups)-1 {
				t.Errorf("group %d of %d has %d", i, len(groups), len(g))
			}
		}
	}
}

// What a group holds is what the engine remembers: one more cluster must leave
// most groups alone.
func TestOneMoreMovesFewGroups(t *testing.T) {
	all := names(1000)
	before := grouped(all, 48, itself)
	known := map[string]bool{}
	for _, g := range before {
		known[fmt.Sprint(g)] = true
	}
	for at := 0; at <= len(all); at += 50 {
		changed := 0
		for _, g := range grouped(slices.Insert(slices.Clone(all), at, fmt.Sprintf("new-%d", at)), 48, itself) {
			if !known[fmt.Sprint(g)] {
				changed++
			}
		}
		if changed == 0 || changed > len(before)/2 {
			t.Errorf("one more at %d changes %d of %d groups", at, changed, len(before))
		}
	}
}

func TestTogetherKeepsTheOrder(t *testing.T) {
	groups := [][]int{{0, 1, 2}, {3}, {4, 5}}
	var steps atomic.Int64
	got := together(t.Context(), 2, groups, func(ctx context.Context, i int) int {
		// All of a group are at work at once, or this would not come back.
		sum, err := toolchain.Together(ctx, "sum", i, func(_ context.Context, all []int) []int {
			return slices.Repeat([]int{len(all)}, len(all))
		})
		if err != nil {
			t.Error(err)
		}
		return 10*i + sum
	}, func(_ context.Context, group, results []int) {
		if len(group) != len(results) || results[0] == 0 {
			t.Errorf("finished %v with %v", group, results)
		}
	}, func(int, int) { steps.Add(1) })
	if want := []int{3, 13, 23, 31, 42, 52}; !slices.Equal(got, want) || steps.Load() != 6 {
		t.Errorf("%v after %d steps, want %v", got, steps.Load(), want)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if got := together(cancelled, 2, groups, func(context.Context, int) int { return 1 }, func(context.Context, []int, []int) {}, func(int, int) {}); len(got) != 6 {
		t.Errorf("cancelled: %v", got)
	}
}
