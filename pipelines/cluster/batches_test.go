package cluster

import (
	"fmt"
	"slices"
	"testing"
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
		groups := inBatches(all, 48, itself)
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
	before := inBatches(all, 48, itself)
	known := map[string]bool{}
	for _, g := range before {
		known[fmt.Sprint(g)] = true
	}
	for at := 0; at <= len(all); at += 50 {
		changed := 0
		for _, g := range inBatches(slices.Insert(slices.Clone(all), at, fmt.Sprintf("new-%d", at)), 48, itself) {
			if !known[fmt.Sprint(g)] {
				changed++
			}
		}
		if changed == 0 || changed > len(before)/2 {
			t.Errorf("one more at %d changes %d of %d groups", at, changed, len(before))
		}
	}
}
