package embedded

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

// worker is one running worker process. One goroutine uses it at a time.
type worker struct {
	cmd    *exec.Cmd
	in     io.Closer
	pipe   *wire
	stderr *headBuffer
	charts map[string]bool
	opts   Options
}

// startWorker starts this binary again, with nothing of its environment: a
// template must not see whose machine renders it, and the time zone is UTC
// everywhere.
func startWorker(opts Options) (*worker, error) {
	path, err := self()
	if err != nil {
		return nil, err
	}
	w := &worker{charts: map[string]bool{}, stderr: &headBuffer{}, opts: opts}
	w.cmd = exec.Command(path)
	w.cmd.Args = []string{"kasou-render-worker"}
	w.cmd.Env = []string{
		workerEnv + "=1", fmt.Sprintf("%s=%d,%d", limitsEnv, opts.Memory, opts.Output),
		"HOME=/nonexistent", "TZ=UTC", "LC_ALL=C",
		"GOMAXPROCS=1", // there is a worker for each cluster that is rendered at once
	}
	w.cmd.Stderr = w.stderr
	in, err := w.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("start a render worker: %w", err)
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start a render worker: %w", err)
	}
	w.in, w.pipe = in, newWire(bufio.NewReaderSize(out, 1<<16), in)
	if err := w.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a render worker: %w", err)
	}
	return w, nil
}

// self is the running binary, which on Linux can be started even when its file
// was replaced meanwhile.
func self() (string, error) {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe", nil
	}
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find kasou's own binary: %w", err)
	}
	return path, nil
}

// do returns the answer to one job, and whether the worker can take another.
func (w *worker) do(ctx context.Context, j job) (got outcome, alive bool, err error) {
	digest := j.Release.Chart.Digest
	if w.charts[digest] {
		j.Release.Chart.Archive = nil
	}
	timer := time.AfterFunc(w.opts.Timeout, w.kill)
	stop := context.AfterFunc(ctx, w.kill)
	got, err = w.exchange(j)
	overran, cancelled := !timer.Stop(), !stop()
	alive = err == nil && !overran && !cancelled
	if err == nil {
		if got.Loaded {
			w.charts[digest] = true
		}
		if !alive {
			w.stop()
		}
		return got, alive, got.err()
	}
	w.kill()
	died := w.cmd.Wait()
	switch {
	case cancelled:
		return outcome{}, false, context.Cause(ctx)
	case overran:
		return outcome{}, false, &toolchain.ChartError{Message: fmt.Sprintf("the chart's templates did not end within %s: they loop, or make far too much", w.opts.Timeout)}
	}
	return outcome{}, false, w.explain(died, err)
}

func (w *worker) exchange(j job) (got outcome, err error) {
	if err := w.pipe.send(j); err != nil {
		return got, err
	}
	got.Files = manifest.Files{} // gob leaves out what is empty
	err = w.pipe.receive(w.opts.Output+1<<20, &got)
	return got, err
}

// headSize is what is kept of what a worker says on stderr.
const headSize = 16 << 10

// explain returns why a worker died.
func (w *worker) explain(died, broken error) error {
	if exit, ok := errors.AsType[*exec.ExitError](died); ok && exit.ExitCode() == exitMemory {
		return verdict.OutOfMemory(w.opts.Memory)
	}
	return verdict.Died(string(w.stderr.data), w.opts.Memory, fmt.Sprintf("%v (%v)", died, broken))
}

func (w *worker) kill() { _ = w.cmd.Process.Kill() }

// stop ends an idle worker.
func (w *worker) stop() {
	_ = w.in.Close()
	w.kill()
	_ = w.cmd.Wait()
}

// headBuffer keeps the first bytes that a worker says and drops the rest. It is read once
// the worker has ended.
type headBuffer struct{ data []byte }

func (b *headBuffer) Write(p []byte) (int, error) {
	b.data = append(b.data, p[:min(len(p), headSize-len(b.data))]...)
	return len(p), nil
}
