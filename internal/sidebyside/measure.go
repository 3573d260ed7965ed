package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// measure is what one run took.
type measure struct {
	wall, cpu time.Duration
	// peak is the largest sum of the resident memory of all the processes at one
	// time, in bytes, as sampled. What processes share counts for each.
	peak int64
}

// plus adds what ran after it.
func (m measure) plus(other measure) measure {
	return measure{wall: m.wall + other.wall, cpu: m.cpu + other.cpu, peak: max(m.peak, other.peak)}
}

// times scales what was measured on a sample.
func (m measure) times(factor float64) measure {
	m.wall, m.cpu = time.Duration(float64(m.wall)*factor), time.Duration(float64(m.cpu)*factor)
	return m
}

// command is what to run.
type command struct {
	dir  string
	env  []string
	args []string
}

// timed runs a command with all that it starts. The error holds what it said.
func timed(ctx context.Context, c command) (measure, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return measure{}, err
	}
	peak, done := make(chan int64), make(chan struct{})
	go func() { peak <- watch(cmd.Process.Pid, done) }()
	err := cmd.Wait()
	m := measure{wall: time.Since(start), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	close(done)
	m.peak = <-peak
	if err != nil {
		return m, fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, tail(said.String()))
	}
	return m, nil
}

func tail(text string) string {
	const most = 2000
	return text[max(0, len(text)-most):]
}

// watch samples the memory of a process group until done is closed.
func watch(group int, done <-chan struct{}) int64 {
	ticker := time.NewTicker(25 * time.Millisecond)
	defer ticker.Stop()
	most := resident(group)
	for {
		select {
		case <-done:
			return most
		case <-ticker.C:
			most = max(most, resident(group))
		}
	}
}

// resident gives the resident memory of a process group: fields 5 and 24 of
// /proc/PID/stat (proc_pid_stat(5)). It is 0 where there is no /proc.
func resident(group int) int64 {
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is good
	total := int64(0)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) < 22 || fields[2] != strconv.Itoa(group) {
			continue
		}
		pages, err := strconv.ParseInt(fields[21], 10, 64)
		if err == nil {
			total += pages * int64(os.Getpagesize())
		}
	}
	return total
}

// median and spread are of the wall time.
func median(all []measure) measure {
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b measure) int { return int(a.wall - b.wall) })
	m := sorted[len(sorted)/2]
	for _, one := range all {
		m.peak = max(m.peak, one.peak)
	}
	return m
}

func spread(all []measure) string {
	if len(all) < 2 {
		return "once"
	}
	low, high := all[0].wall, all[0].wall
	for _, one := range all {
		low, high = min(low, one.wall), max(high, one.wall)
	}
	return fmt.Sprintf("%s … %s", short(low), short(high))
}

// short gives a time with three digits.
func short(d time.Duration) string {
	switch {
	case d >= 100*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	}
	return fmt.Sprintf("%.3g µs", float64(d)/float64(time.Microsecond))
}
