// Package early sets up the heap before most other packages are initialised. They
// fill 5 MiB of it before main begins, Helm's, Kubernetes' and kubeconform's above
// all, which is what a start takes its time for; afterwards would be too late.
//
// Go initialises those packages next whose imports all are, the first by its path
// (https://go.dev/ref/spec#Program_initialization). This one imports so little that
// its turn comes before theirs. The main packages import it, and nobody else: a
// test has Go's own heap.
package early

import (
	"runtime/debug"

	"kasou/internal/heap"
)

const (
	// percent is how far the heap grows between collections. A build lives for
	// seconds, and lets go of most of what it holds: to collect it less often than
	// Go does saves a tenth of the work. And there is none before main.
	percent = 300
	// memoryLimit is the heap from which memory counts more than time, in bytes: it
	// is collected as it comes then. With ten thousand clusters percent alone would
	// let it grow by hundreds of MiB. A fleet that needs more gets it.
	memoryLimit = 320 << 20
	// huge is how much of the heap is on huge pages, in bytes, where it is for
	// programs to ask. A check of 1,000 clusters needs half of it.
	huge = 128 << 20
)

func init() {
	debug.SetMemoryLimit(min(memoryLimit, debug.SetMemoryLimit(-1))) // GOMEMLIMIT may ask for less
	heap.Grow(percent, huge)
}
