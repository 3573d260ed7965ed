package embedded

import (
	"fmt"
	"os"
	"runtime/metrics"
	"time"
)

// watchMemory ends the process soon after the Go heap and stacks outgrew the
// limit, on every system; where there is one, the system's own limit is sooner.
func watchMemory(limit int64) {
	sample := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
	}
	for {
		metrics.Read(sample)
		if used := sample[0].Value.Uint64() - sample[1].Value.Uint64(); used > uint64(limit) {
			fmt.Fprintf(os.Stderr, "kasou: %d bytes of memory in use\n", used)
			os.Exit(exitMemory)
		}
		time.Sleep(25 * time.Millisecond)
	}
}
