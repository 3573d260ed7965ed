package embedded

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// limitMemory lets the process grow by limit bytes from what it has now, which
// with the race detector is a lot. An allocation beyond is a fatal error in
// Go, at once: `repeat` of a huge count never touches the machine's memory.
func limitMemory(limit int64) {
	var size, resident, shared, text, lib, data uint64
	statm, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(statm), &size, &resident, &shared, &text, &lib, &data)
	}
	if err != nil {
		return // no /proc: watchMemory is left
	}
	most := data*uint64(os.Getpagesize()) + uint64(limit)
	// Where the system refuses, watchMemory is left.
	_ = unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: most, Max: most})
}
