package cluster

import "hash/fnv"

// inBatches cuts items into groups of about size, so that the same items are
// grouped the same, and one more or less moves few others: a group ends where
// the item's own name says so.
func inBatches[T any](items []T, size int, name func(T) string) [][]T {
	var groups [][]T
	begin, half := 0, max(size/2, 1)
	for i, item := range items {
		h := fnv.New32a()
		_, _ = h.Write([]byte(name(item))) // never fails
		n := i + 1 - begin
		if n >= half && int(h.Sum32()%uint32(half)) == 0 || n >= 2*size {
			groups = append(groups, items[begin:i+1])
			begin = i + 1
		}
	}
	if begin < len(items) {
		groups = append(groups, items[begin:])
	}
	return groups
}
