package embedded

import (
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// Options bound what renders may take. Zero values mean the defaults.
type Options struct {
	// Workers is the most worker processes at a time. Default: GOMAXPROCS.
	Workers int
	// Timeout is for one render. Default: 30 s.
	Timeout time.Duration
	// Memory, in bytes, is how far one worker may grow. Default: 768 MiB.
	Memory int64
	// Output, in bytes, is the most that one render may give. Default: 64 MiB.
	Output int64
}

func (o Options) withDefaults() Options {
	o.Workers = cmp.Or(max(o.Workers, 0), runtime.GOMAXPROCS(0))
	o.Timeout = cmp.Or(max(o.Timeout, 0), 30*time.Second)
	o.Memory = cmp.Or(max(o.Memory, 0), 768<<20)
	o.Output = cmp.Or(max(o.Output, 0), 64<<20)
	return o
}

// helmTool is Helm: a pool of workers.
type helmTool struct {
	opts  Options
	slots chan struct{}

	mu     sync.Mutex
	idle   []*worker
	closed bool
}

var errClosed = errors.New("the toolchain is closed")

func newHelmTool(opts Options) (*helmTool, error) {
	if !mainCalled.Load() {
		return nil, errors.New("embedded.WorkerMain was not called at the start of main (or TestMain): a render worker would run the whole program again")
	}
	opts = opts.withDefaults()
	return &helmTool{opts: opts, slots: make(chan struct{}, opts.Workers)}, nil
}

// Template renders each release in a worker process. What kills that process fails
// only its release, with a *toolchain.ChartError; so does a render that takes more
// time, memory or output than the options allow.
func (h *helmTool) Template(ctx context.Context, releases ...toolchain.Release) []toolchain.Result[manifest.Files] {
	return toolchain.Each(ctx, releases, h.template)
}

func (h *helmTool) template(ctx context.Context, r toolchain.Release) (files manifest.Files, err error) {
	err = h.with(ctx, r, func(s *turn) error {
		got, err := s.do(ctx, job{Release: r})
		files = got.Files
		if err != nil || !r.Determinism || !got.Seen.any() {
			return err
		}
		return s.compare(ctx, got)
	})
	return files, err
}

// turn is a release's time with a worker.
type turn struct {
	helm    *helmTool
	release toolchain.Release
	// apart is an environment's.
	apart int
	// worker is nil after a job that ended it.
	worker *worker
}

// with calls work with a worker of its own.
func (h *helmTool) with(ctx context.Context, r toolchain.Release, work func(*turn) error) error {
	if r.Chart.Digest == "" {
		return errors.New("the chart has no digest")
	}
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	s := &turn{helm: h, release: r}
	defer func() {
		if s.worker != nil {
			h.give(s.worker)
		}
	}()
	return work(s)
}

func (s *turn) do(ctx context.Context, j job) (outcome, error) {
	if s.worker == nil {
		w, err := s.helm.take(s.release.Chart.Digest)
		if err != nil {
			return outcome{}, err
		}
		s.worker = w
	}
	got, alive, err := s.worker.do(ctx, j)
	if !alive {
		s.worker = nil
	}
	return got, err
}

// take returns an idle worker, best one that has the chart, else a new one.
func (h *helmTool) take(digest string) (*worker, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, errClosed
	}
	if len(h.idle) > 0 {
		i := max(0, slices.IndexFunc(h.idle, func(w *worker) bool { return w.charts[digest] }))
		w := h.idle[i]
		h.idle = slices.Delete(h.idle, i, i+1)
		if w.charts[digest] || len(w.charts) < maxCharts {
			return w, nil
		}
		w.stop()
	}
	return startWorker(h.opts)
}

func (h *helmTool) give(w *worker) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		w.stop()
		return
	}
	h.idle = append(h.idle, w)
}

func (h *helmTool) close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, w := range h.idle {
		w.stop()
	}
	h.idle = nil
	return nil
}
