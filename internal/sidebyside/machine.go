package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// describe says on what, with what and when the figures were taken, as a
// Markdown list.
func describe(ctx context.Context, t tools) (string, error) {
	versions, err := exec.CommandContext(ctx, t.kasou, "version").Output()
	if err != nil {
		return "", fmt.Errorf("kasou version: %w", err)
	}
	_, linked, _ := strings.Cut(strings.TrimSpace(string(versions)), "\n")
	var b strings.Builder
	fmt.Fprintf(&b, "- %s, %d cores, %s, %s/%s\n", field("/proc/cpuinfo", "model name"), runtime.NumCPU(), memoryTotal(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(&b, "- %s, %s, kernel %s\n", runtime.Version(), strings.ReplaceAll(linked, "\n", ", "), line("/proc/sys/kernel/osrelease"))
	fmt.Fprintf(&b, "- kasou at %s, %s, load before the start %s\n", commit(ctx), time.Now().UTC().Format("2006-01-02"), line("/proc/loadavg"))
	return b.String(), nil
}

// commit names what is built.
func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		return "an unknown commit"
	}
	return strings.TrimSpace(string(out))
}

// line returns the first line of a file of the system, or a word that it is not
// known.
func line(file string) string {
	data, _ := os.ReadFile(file)
	first, _, _ := strings.Cut(string(data), "\n")
	if first == "" {
		return "unknown"
	}
	return first
}

// field returns the value after the first "name:" in a file of the system.
func field(file, name string) string {
	data, _ := os.ReadFile(file)
	for l := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func memoryTotal() string {
	kib := 0
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%d kB", &kib); err != nil {
		return "unknown memory"
	}
	return fmt.Sprintf("%d GiB", (kib+1<<19)>>20)
}
