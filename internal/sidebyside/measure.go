package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// measure is what one run took.
type measure struct {
	wall time.Duration
	// cpu is that of all processes, without an engine's.
	cpu time.Duration
	// others is the processor time that all else on the machine took meanwhile.
	others time.Duration
	memory
}

// command is a program to run.
type command struct {
	dir  string
	env  []string
	args []string
}

// run runs it, with all that it starts, and gives the processor time that they
// took. The error has the end of what it said.
func (c command) run(ctx context.Context) (time.Duration, error) {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Env = c.dir, append(os.Environ(), c.env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		text := said.String()
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(c.args, " "), err, text[max(0, len(text)-2000):])
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// timed measures work. What was written before is brought to the disk first: the
// one that comes next should not pay for it.
func timed(work func() (cpu time.Duration, err error)) (measure, error) {
	_ = exec.Command("sync").Run() // where there is none, nothing waits for the disk either
	stop := watchMemory()
	busy, start := machineBusy(), time.Now()
	cpu, err := work()
	m := measure{wall: time.Since(start), cpu: cpu}
	m.others = max(0, machineBusy()-busy-cpu)
	m.memory = stop()
	return m, err
}

// machineBusy is the processor time that everything took since the start of the
// machine, with what a host gave to other machines: /proc/stat, proc_stat(5). It
// is 0 where there is none.
func machineBusy() time.Duration {
	var user, nice, system, idle, iowait, irq, softirq, steal int64
	if _, err := fmt.Sscanf(line("/proc/stat"), "cpu %d %d %d %d %d %d %d %d", &user, &nice, &system, &idle, &iowait, &irq, &softirq, &steal); err != nil {
		return 0
	}
	const tick = time.Second / 100 // USER_HZ
	return time.Duration(user+nice+system+irq+softirq+steal) * tick
}
