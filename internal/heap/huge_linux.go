package heap

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// askHuge reports whether it is for programs to ask: "always" gives huge pages to
// all, "never" to none
// (https://docs.kernel.org/admin-guide/mm/transhuge.html).
func askHuge() bool {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	return err == nil && strings.Contains(string(mode), "[madvise]")
}

// preferHuge asks for huge pages in memory that is whole pages, as every large piece of Go's
// heap is. It is advice: where the system does not take it, nothing is lost.
func preferHuge(memory []byte) { _ = unix.Madvise(memory, unix.MADV_HUGEPAGE) }
