// Package process runs servers for tests: each dies with the test process,
// whatever ends that, and what it said is at hand when something fails.
package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is a running server.
type Process struct {
	name, log string
	cmd       *exec.Cmd
	ended     chan struct{}
	err       error
}

// Start runs the command with its output in a file. The process is killed when
// the test process ends in any way, where the system can do that (Linux).
func Start(name, logFile string, cmd *exec.Cmd) (*Process, error) {
	out, err := os.Create(logFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr = out, out
	dieWithParent(cmd)
	if err := onSpawner(cmd.Start); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	p := &Process{name: name, log: logFile, cmd: cmd, ended: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.ended)
	}()
	return p, nil
}

// Stop asks the process to end, and kills it after five seconds.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Wait asks ready again and again until it gives nil. It fails when the process
// ends, or after the time; the error has ready's last words and the log's end.
func (p *Process) Wait(timeout time.Duration, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		last := ready(ctx)
		if last == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %w\n%s", p.name, errors.Join(p.err, last), p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready after %s: %w\n%s", p.name, timeout, last, p.Tail())
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Tail returns the last lines that the process wrote.
func (p *Process) Tail() string {
	data, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	return p.name + " wrote, at the end:\n" + strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// spawner is a thread that lives as long as the test process: a child is killed
// with the thread that started it, and Go ends threads as it likes.
var spawner = sync.OnceValue(func() chan func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

func onSpawner(start func() error) error {
	result := make(chan error)
	spawner() <- func() { result <- start() }
	return <-result
}

var (
	portsMu sync.Mutex
	ports   = map[int]bool{}
)

// FreePort returns a port of the loopback address that nothing listens on and
// that it gave to nobody else. It is below those that systems hand out to
// outgoing connections, so that none of these takes it meanwhile.
func FreePort() (int, error) {
	portsMu.Lock()
	defer portsMu.Unlock()
	for range 100 {
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil || ports[port] {
			continue
		}
		ports[port] = true
		return port, l.Close()
	}
	return 0, errors.New("no free port on 127.0.0.1")
}
