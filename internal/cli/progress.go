package cli

import (
	"fmt"
	"io"
	"sync"
	"time"

	"kasou/pipelines/report"
)

// progress shows count and current cluster on one line of a terminal. On
// anything else it shows nothing.
type progress struct {
	w     io.Writer
	verb  string
	mu    sync.Mutex
	shown bool
	last  time.Time
	start time.Time
}

// Long work is worth a line only after a moment, and the eye can't follow more
// than a few changes a second.
const (
	progressAfter = 300 * time.Millisecond
	progressEvery = 100 * time.Millisecond
)

func newProgress(env Env, verb string) *progress {
	if !isTerminal(env, env.Stderr) {
		return nil
	}
	return &progress{w: env.Stderr, verb: verb, start: time.Now()}
}

// Step says that done of total clusters are finished and which one was last.
func (p *progress) Step(done, total int, name string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	if now.Sub(p.start) < progressAfter || now.Sub(p.last) < progressEvery {
		return
	}
	p.last, p.shown = now, true
	fmt.Fprintf(p.w, "\r%s %d/%d %.40s\x1b[K", p.verb, done, total, report.Inert(name))
}

// Done takes the line away again.
func (p *progress) Done() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
		p.shown = false
	}
}
