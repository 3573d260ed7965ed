package report

import (
	"io"
	"sync"
)

// Log returns a writer for text that must not become a workflow command: a diff,
// the output of a tool, an error. Use one for stdout and one for stderr; the
// runner reads commands from both. Outside Actions it gives w itself.
func (g *GitHub) Log(w io.Writer) io.Writer {
	if g == nil {
		return w
	}
	return inertLog(w)
}

func inertLog(w io.Writer) io.Writer { return &logWriter{w: w, blank: true} }

// logWriter breaks what the runner takes for a command by a space: two colons
// at the start of a line, and "##[" anywhere in one. It holds nothing back.
type logWriter struct {
	mu sync.Mutex
	w  io.Writer
	// blank: nothing but space in this line yet. colon: then one colon.
	blank, colon bool
	// hashes counts those just before, up to 2.
	hashes int
}

func (l *logWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]byte, 0, len(p)+16)
	for _, c := range p {
		if c == ':' && l.colon || c == '[' && l.hashes == 2 {
			out = append(out, ' ')
		}
		l.follow(c)
		out = append(out, c)
	}
	if _, err := l.w.Write(out); err != nil {
		return 0, err
	}
	return len(p), nil
}

// follow keeps the state up to date. The runner ends lines at \r too, and skips
// Unicode's spaces at their start: every byte of such a character counts.
func (l *logWriter) follow(c byte) {
	if c == '#' {
		l.hashes = min(l.hashes+1, 2)
	} else {
		l.hashes = 0
	}
	l.colon = l.blank && c == ':'
	switch {
	case c == '\n' || c == '\r':
		l.blank = true
	case l.blank:
		l.blank = c <= ' ' || c >= 0x80
	}
}
