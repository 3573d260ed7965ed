//go:build unix

package batch

import (
	"archive/tar"
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// workDir is where the commands' folders are.
const workDir = "/work"

// share has a Go tool use no more processors than its share of them, where so many
// commands run side by side: with all of them they are in each other's way, above all
// when they collect garbage. Of helm's time for a release that is a tenth.
func share(commands int) string {
	return "GOMAXPROCS=" + strconv.Itoa(max(runtime.NumCPU()/commands, 1))
}

// maxStderr is how much is kept of what a command says at its start, and at its
// end, in bytes.
const maxStderr = 128 << 10

// Main carries out the order, by the tool that the program's arguments start. It
// fails only where nothing can be done for any command.
func Main() {
	if err := carryOut(os.Args[1:], filepath.Join(OrderDir, OrderFile), ResultsFile, workDir); err != nil {
		fmt.Fprintln(os.Stderr, "batch:", err)
		os.Exit(1)
	}
}

func carryOut(tool []string, order, results, dir string) error {
	f, err := os.Open(order)
	if err != nil {
		return err
	}
	defer f.Close()
	o, err := unpack(f, dir)
	if err != nil {
		return err
	}
	out, err := os.Create(results)
	if err != nil {
		return err
	}
	w := newResults(out)
	if err := errors.Join(runAll(tool, o, dir, w.tar), w.close(), out.Close()); err != nil {
		return err
	}
	return os.RemoveAll(dir)
}

// unpack puts each command's files into its folder.
func unpack(from io.Reader, dir string) (Order, error) {
	var o Order
	r := tar.NewReader(bufio.NewReaderSize(from, 1<<20))
	made := map[string]bool{}
	for {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return o, err
		}
		if header.Name == headName {
			if err := json.NewDecoder(r).Decode(&o); err != nil {
				return o, err
			}
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return o, err
		}
		file := filepath.Join(dir, header.Name)
		if parent := filepath.Dir(file); !made[parent] {
			if err := os.MkdirAll(parent, 0o755); err != nil {
				return o, err
			}
			made[parent] = true
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return o, err
		}
	}
	for i := range o.Commands {
		if err := os.MkdirAll(filepath.Join(dir, strconv.Itoa(i)), 0o755); err != nil {
			return o, err
		}
	}
	return o, nil
}

// runAll runs as many commands at a time as there are processors.
func runAll(tool []string, o Order, dir string, w *tar.Writer) error {
	var (
		mu      sync.Mutex
		all     sync.WaitGroup
		size    int64
		failure error
		next    = make(chan int)
		late    = time.Now().Add(o.Total)
	)
	one := func(i int) {
		own := filepath.Join(dir, strconv.Itoa(i))
		result := run(tool, o, o.Commands[i], own)
		_ = os.RemoveAll(own) // so that the disk holds only what is in hand
		mu.Lock()
		defer mu.Unlock()
		for _, data := range result.Files {
			size += int64(len(data))
		}
		if size += int64(len(result.Stdout)); size > o.MaxAll || failure != nil {
			return
		}
		failure = writeResult(w, i, result)
	}
	for range min(runtime.NumCPU(), len(o.Commands)) {
		all.Add(1)
		go func() {
			defer all.Done()
			for i := range next {
				one(i)
			}
		}()
	}
	for i := range o.Commands {
		if time.Now().After(late) {
			break
		}
		next <- i
	}
	close(next)
	all.Wait()
	return failure
}

// run starts the tool once and waits for its end.
func run(tool []string, o Order, c Command, dir string) Result {
	ctx, cancel := context.WithTimeout(context.Background(), o.Limit)
	defer cancel()
	args := append([]string{}, tool[1:]...)
	for _, arg := range c.Args {
		args = append(args, strings.ReplaceAll(arg, Processors, strconv.Itoa(runtime.NumCPU())))
	}
	cmd := exec.CommandContext(ctx, tool[0], args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), share(len(o.Commands)))
	// What it starts ends with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	said, printed := &ends{}, &bounded{most: o.MaxOutput}
	if !c.Silent {
		cmd.Stderr = said
	}
	if c.Output == "" {
		cmd.Stdout = printed
	}
	err := cmd.Run()
	r := Result{Stderr: said.String(), Late: ctx.Err() != nil, TooMuch: printed.over}
	switch {
	case cmd.ProcessState == nil:
		r.Exit, r.Stderr = 127, fmt.Sprint(err)
	case r.Late, r.TooMuch:
		r.Exit = 1
	default:
		r.Exit = exitCode(cmd.ProcessState)
	}
	if c.Output == "" {
		r.Stdout = append([]byte{}, printed.kept.Bytes()...)
	} else if r.Exit == 0 {
		collect(&r, filepath.Join(dir, c.Output), o.MaxOutput)
	}
	return r
}

func exitCode(s *os.ProcessState) int {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return s.ExitCode()
}

// collect reads the plain files below dir into the result.
func collect(r *Result, dir string, most int64) {
	files, err := ReadFiles(dir, most)
	var odd OddFile
	switch {
	case errors.As(err, &odd):
		r.Odd = string(odd)
	case errors.Is(err, ErrTooMuch):
		r.TooMuch = true
	case err == nil, errors.Is(err, fs.ErrNotExist): // the tool had nothing to write
		r.Files = files
	default:
		r.Exit, r.Stderr = 127, "read what it wrote: "+err.Error()
	}
}

// bounded keeps what is written, and refuses more than most.
type bounded struct {
	kept bytes.Buffer // not embedded: its ReadFrom knows no bound
	most int64
	over bool
}

func (b *bounded) Write(p []byte) (int, error) {
	if int64(b.kept.Len()+len(p)) > b.most {
		b.over = true
		return 0, ErrTooMuch
	}
	return b.kept.Write(p)
}

// ends keeps the start and the end of what is written.
type ends struct{ start, end []byte }

func (e *ends) Write(p []byte) (int, error) {
	head := min(len(p), maxStderr-len(e.start))
	e.start = append(e.start, p[:head]...)
	e.end = append(e.end, p[head:]...)
	if cut := len(e.end) - maxStderr; cut > maxStderr {
		e.end = append([]byte{}, e.end[cut:]...)
	}
	return len(p), nil
}

func (e *ends) String() string {
	if cut := len(e.end) - maxStderr; cut > 0 {
		return string(e.start) + "\n…\n" + string(e.end[cut:])
	}
	return string(e.start) + string(e.end)
}
