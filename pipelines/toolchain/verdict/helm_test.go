package verdict_test

import (
	"testing"

	"kasou/pipelines/toolchain/verdict"
)

// Both toolchains say the same of a process that died, and nothing that it printed beside
// Go's own account.
func TestDied(t *testing.T) {
	for _, test := range []struct {
		stderr string
		memory int64
		want   string
	}{
		{"runtime: goroutine stack exceeds 1000000000-byte limit\n", 0, "the chart's templates recurse without end"},
		{"fatal error: runtime: out of memory\n", 0, "the chart's templates need more memory than there is"},
		{"runtime: failed to create new OS thread\nfatal error: newosproc\n", 64 << 20, "the chart's templates need more than 64 MiB of memory"},
		{"password=hunter2\nfatal error: all goroutines are asleep\n", 0, "the process that rendered the chart died: fatal error: all goroutines are asleep"},
		{"password=hunter2\n", 0, "the process that rendered the chart died: signal: killed"},
	} {
		if got := verdict.Died(test.stderr, test.memory, "signal: killed"); got.Message != test.want {
			t.Errorf("%q: %q, want %q", test.stderr, got.Message, test.want)
		}
	}
}
