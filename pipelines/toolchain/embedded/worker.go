package embedded

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"sync/atomic"
	"syscall"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

const (
	// workerEnv makes a process a worker.
	workerEnv = "KASOU_RENDER_WORKER"
	// limitsEnv is MEMORY,OUTPUT in bytes.
	limitsEnv = "KASOU_RENDER_LIMITS"
	// maxStack ends a template that calls itself without end. Helm stops
	// `include` after 1,000 levels, which stay far below it; for `tpl` it has
	// no such guard.
	maxStack = 32 << 20
	// maxJob bounds a request: Helm unpacks no archive to more than 100 MiB.
	maxJob = 256 << 20
	// maxCharts is how many charts a worker keeps; then it is replaced.
	maxCharts = 16
	// exitMemory is the exit code of a worker that outgrew its memory.
	exitMemory = 3
)

var mainCalled atomic.Bool

// WorkerMain must be the first call in main, and in TestMain of a test that
// renders: in a process that was started as a render worker it serves renders
// and never returns; in any other it returns at once, and allows New.
func WorkerMain() {
	mainCalled.Store(true)
	if os.Getenv(workerEnv) != "1" {
		return
	}
	var limits workerLimits
	if _, err := fmt.Sscanf(os.Getenv(limitsEnv), "%d,%d", &limits.memory, &limits.output); err != nil {
		fmt.Fprintf(os.Stderr, "kasou: %s: %v\n", limitsEnv, err)
		os.Exit(2)
	}
	// Ctrl-C reaches the whole process group; the parent decides what ends.
	signal.Ignore(os.Interrupt)
	debug.SetMaxStack(maxStack)
	debug.SetGCPercent(600)
	debug.SetMemoryLimit(limits.memory)
	limitMemory(limits.memory)
	go watchMemory(limits.memory)
	answers := os.Stdout
	os.Stdout = os.Stderr
	// Helm's log lines, such as warnings about values that do not merge, stay off stderr,
	// which is kept for what kills the worker. This is package log's output, too.
	slog.SetDefault(slog.New(slog.DiscardHandler))
	replaceFunctions()
	// To wait for a job must not hold a thread in the system, for which the
	// runtime would look again and again; where it cannot be helped, it does.
	_ = syscall.SetNonblock(syscall.Stdin, true)
	serve(os.NewFile(uintptr(syscall.Stdin), "jobs"), answers, limits)
}

type workerLimits struct{ memory, output int64 }

// serve answers jobs until its input ends. Another goroutine reads, so that a
// worker that is stuck in a render ends with its parent as well.
func serve(in io.Reader, out io.Writer, limits workerLimits) {
	pipe := newWire(in, out)
	jobs := make(chan job)
	go func() {
		for {
			var j job
			if pipe.receive(maxJob, &j) != nil {
				os.Exit(0)
			}
			jobs <- j
		}
	}()
	charts := map[string]*loadedChart{}
	for j := range jobs {
		files, seen, err := render(charts, j)
		if size := outputSize(files); size > limits.output {
			files, err = nil, &toolchain.ChartError{Message: fmt.Sprintf("the chart renders %d bytes; at most %d are taken", size, limits.output)}
		}
		if err := pipe.send(newOutcome(files, seen, charts[j.Release.Chart.Digest] != nil, err)); err != nil {
			os.Exit(1)
		}
	}
}

// render does one job. A panic in Helm is the chart's doing: the engine itself
// turns those of template functions into errors.
func render(charts map[string]*loadedChart, j job) (files manifest.Files, seen observed, err error) {
	begin(j.Environment)
	defer func() {
		seen = end()
		if r := recover(); r != nil {
			files, err = nil, &toolchain.ChartError{Message: fmt.Sprintf("Helm gives up on the chart: %v", r)}
		}
	}()
	r := j.Release
	c, ok := charts[r.Chart.Digest]
	if !ok {
		if c, err = loadChart(r.Chart.Archive); err != nil {
			return nil, seen, chartError(err)
		}
		charts[r.Chart.Digest] = c
	}
	p, err := prepare(c, r, j.Environment)
	if err != nil || j.ValuesOnly {
		return nil, seen, err
	}
	files, err = p.render(c, r, j.Environment)
	return files, seen, err
}

func outputSize(files manifest.Files) int64 {
	var n int64
	for name, data := range files {
		n += int64(len(name) + len(data))
	}
	return n
}
