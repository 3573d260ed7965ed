// Package heap tunes Go's heap for a process that lives for seconds and soon
// needs tens of MiB.
package heap

import (
	"runtime"
	"runtime/debug"
)

// Grow lets the heap grow by percent between two collections, as
// debug.SetGCPercent does, and has the system back the next size bytes of it by
// huge pages, where the system leaves that to each program. A new heap is touched
// page by page, and each first touch of a small page is a trap into the kernel: of
// a check of 1,000 clusters that was a tenth. What is not touched takes no memory.
//
// Go's runtime never asks for huge pages for its heap
// (https://go.dev/doc/gc-guide#Linux_transparent_huge_pages). So this takes size
// bytes from it, asks for huge pages in them, and gives them back before anything has touched
// them; from then on they are the heap's for all else. It takes no more than half of
// the memory limit (debug.SetMemoryLimit), of which what is taken counts as used.
func Grow(percent, size int) {
	if askHuge() {
		debug.SetGCPercent(-1) // or what is taken would start a collection before the one below
		reserve(int(min(int64(size), debug.SetMemoryLimit(-1)/2)))
		runtime.GC()
	}
	debug.SetGCPercent(percent)
}

// piece is what is taken from the heap at a time, in bytes. The runtime clears a
// piece that lies where something has been before, which touches all of it; so not
// all may be one. Many small ones take longer.
const piece = 16 << 20

// reserve is a function of its own, not inlined, so that nothing holds the pieces
// when it returns.
//
//go:noinline
func reserve(size int) {
	pieces := make([][]byte, size/piece)
	for i := range pieces {
		pieces[i] = make([]byte, piece)
		preferHuge(pieces[i])
	}
}
