package heap

import (
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"testing"
)

const child = "KASOU_TEST_HEAP"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		grown()
	}
	os.Exit(m.Run())
}

// grown is a process of its own: it takes 40 MiB in small pieces, and prints what
// the kernel says of its memory.
func grown() {
	if os.Getenv(child) == "grow" {
		Grow(600, 64<<20)
	}
	kept := make([][]byte, 40<<10)
	for i := range kept {
		kept[i] = make([]byte, 1<<10)
		kept[i][0] = 1
	}
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		panic(err)
	}
	os.Stdout.Write(text)
	runtime.KeepAlive(kept)
	os.Exit(0)
}

func TestTheHeapIsOnHugePages(t *testing.T) {
	if !askHuge() {
		t.Skip("SKIPPED: this system gives huge pages to all programs, or to none")
	}
	if size, _ := os.ReadFile("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size"); string(size) != "2097152\n" {
		t.Skipf("SKIPPED: a huge page has %q bytes here, not 2 MiB", size)
	}
	// With memory in pieces the kernel may have no more than some huge pages to give.
	without, with := hugeMemory(t, "plain"), hugeMemory(t, "grow")
	if without > 0 || with < 8<<20 {
		t.Errorf("of a heap of 40 MiB %d KiB are on huge pages, and %d without Grow", with>>10, without>>10)
	}
}

// hugeMemory returns the bytes that are on huge pages in a process that calls Grow,
// or does not.
func hugeMemory(t *testing.T, what string) int {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), child+"="+what)
	text, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`AnonHugePages: +(\d+) kB`).FindSubmatch(text)
	if found == nil {
		t.Fatalf("no AnonHugePages in\n%s", text)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		t.Fatal(err)
	}
	return n << 10
}
