package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"kasou/pipelines/report"
)

// progress shows on one line of a terminal how many clusters are done and failed, the
// last one, and how long the rest will take. On anything else it shows nothing.
type progress struct {
	w    io.Writer
	verb string
	// columns returns how wide the terminal is; 0 where it does not say.
	columns func() int
	mu      sync.Mutex
	shown   bool
	failed  int
	last    time.Time
	start   time.Time
}

// Long work is worth a line only after a moment, and the eye can't follow more
// than a few changes a second.
const (
	progressAfter = 300 * time.Millisecond
	progressEvery = 100 * time.Millisecond
	// restAfter is when the time that has passed tells something of the rest.
	restAfter = 2 * time.Second
	// restFrom is the part of all that has to be done before: the first cluster waits for
	// charts and schemas, which the others find read.
	restFrom = 20
)

func newProgress(env Env, verb string) *progress {
	if !isTerminal(env, env.Stderr) {
		return nil
	}
	return &progress{w: env.Stderr, verb: verb, start: time.Now(), columns: func() int { return columns(env.Stderr) }}
}

// columns returns how wide a terminal is; 0 where it does not say.
func columns(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0
	}
	return width
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
	line := []rune(fmt.Sprintf("%s %d/%d%s %.40s", p.verb, done, total, p.more(now, done, total), report.Inert(name)))
	// A line that wraps could not be taken away.
	if width := p.columns(); width > 0 && len(line) >= width {
		line = line[:width-1]
	}
	fmt.Fprintf(p.w, "\r%s\x1b[K", string(line))
}

// more returns how many clusters failed, and how long the rest will take at the pace so
// far.
func (p *progress) more(now time.Time, done, total int) string {
	text := ""
	if p.failed > 0 {
		text = fmt.Sprintf(", %d failed", p.failed)
	}
	passed := now.Sub(p.start)
	if done*restFrom < total || done >= total || passed < restAfter {
		return text
	}
	rest := passed / time.Duration(done) * time.Duration(total-done)
	return text + fmt.Sprintf(", %s left", rest.Round(time.Second))
}

// Failed notes that a cluster failed.
func (p *progress) Failed() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed++
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
