package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory is the most that all processes of a contestant had at one time, in
// bytes. It is 0 where there is no /proc, or a process was too fast.
type memory struct {
	// own is what they allocated: RssAnon and RssShmem of proc_pid_status(5).
	own int64
	// resident is that and the files that they map, above all the programs
	// themselves; these are in the page cache once, but count for each process.
	resident int64
}

// A short run is watched closely, which takes some hundredths of a core; a long
// one less so, for it should not show.
const (
	closely   = 20 * time.Millisecond
	loosely   = 100 * time.Millisecond
	closelyIn = 2 * time.Second
)

// watchMemory samples the memory of all descendants of this process until the
// function that it returns is called, which gives the peaks.
func watchMemory() (stop func() memory) {
	done, peaks := make(chan struct{}), make(chan memory)
	go func() {
		ticker, relax := time.NewTicker(closely), time.After(closelyIn)
		defer ticker.Stop()
		var peak memory
		for {
			select {
			case <-done:
				peaks <- peak
				return
			case <-relax:
				ticker.Reset(loosely)
			case <-ticker.C:
				now := ofDescendants(os.Getpid())
				peak.own, peak.resident = max(peak.own, now.own), max(peak.resident, now.resident)
			}
		}
	}()
	return func() memory { close(done); return <-peaks }
}

// ofDescendants sums the memory of all processes below one. Those that end
// meanwhile count nothing. Nor does a child that has its parent's command line:
// until it starts its own program, its memory is its parent's.
func ofDescendants(pid int) (sum memory) {
	started := commandLine(pid)
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is good
	for _, list := range lists {
		data, _ := os.ReadFile(list)
		for child := range strings.FieldsSeq(string(data)) {
			id, err := strconv.Atoi(child)
			if err != nil {
				continue
			}
			below := ofDescendants(id)
			if commandLine(id) != started {
				below = below.plus(ofProcess(id))
			}
			sum = sum.plus(below)
		}
	}
	return sum
}

func (m memory) plus(other memory) memory {
	return memory{own: m.own + other.own, resident: m.resident + other.resident}
}

func commandLine(pid int) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return string(data)
}

func ofProcess(pid int) (m memory) {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(data)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		switch name {
		case "RssAnon", "RssShmem":
			m.own += kib << 10
		case "VmRSS":
			m.resident = kib << 10
		}
	}
	return m
}
