//go:build !linux

package embedded

// limitMemory does nothing: only Linux counts private memory alone, and
// watchMemory is there on every system.
func limitMemory(int64) {}
