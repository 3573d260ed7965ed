// Command sidebyside times kasou against the procedure that it replaces, in one
// run on one machine: `make bench`. It generates fleets, renders, validates and
// seals them by the command-line tools and by kasou, and prints a table of
// ratios. docs/performance.md has results.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// settings say what is timed.
type settings struct {
	charts, sizes string
	chartsDir     string
	runs, sample  int
	daggerUpTo    int
	jobs          int
}

func main() {
	s := settings{}
	flag.StringVar(&s.charts, "charts", "vcluster-0.4.3,vcluster-0.36.1", "archives to make fleets of, without .tgz")
	flag.StringVar(&s.sizes, "sizes", "100,1000,10000", "numbers of clusters")
	flag.StringVar(&s.chartsDir, "charts-dir", chartsDir(), "folder with the archives")
	flag.IntVar(&s.runs, "runs", 3, "how often each is timed; fleets of 10,000 and more once")
	flag.IntVar(&s.sample, "sample", 100, "how many clusters the command-line tools get; the rest is scaled")
	flag.IntVar(&s.daggerUpTo, "dagger-up-to", 100, "the largest fleet for the dagger toolchain")
	flag.IntVar(&s.jobs, "jobs", runtime.GOMAXPROCS(0), "clusters at once, for all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "sidebyside:", err)
		os.Exit(1)
	}
}

func chartsDir() string {
	if dir := os.Getenv("KASOU_UPSTREAM_CHARTS"); dir != "" {
		return dir
	}
	return filepath.Join("..", "shared", "charts")
}

// run times every fleet and prints the tables to out, progress to progress.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	sizes, err := numbers(s.sizes)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "kasou-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	tools, err := buildTools(ctx, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n\n", machine())
	start, err := startUp(ctx, tools)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "`kasou version`: %s\n\n", start)
	for chart := range strings.SplitSeq(s.charts, ",") {
		archive := filepath.Join(s.chartsDir, chart+".tgz")
		if _, err := os.Stat(archive); err != nil {
			fmt.Fprintf(progress, "SKIPPED: %v\n", err)
			continue
		}
		for _, n := range sizes {
			fmt.Fprintf(progress, "%s, %d clusters\n", chart, n)
			f, err := newFleet(filepath.Join(dir, fmt.Sprintf("%s-%d", chart, n)), archive, n)
			if err != nil {
				return err
			}
			b := &bench{settings: s, tools: tools, fleet: f, progress: progress, times: map[string][]measure{}}
			if err := b.run(ctx); err != nil {
				return fmt.Errorf("%s, %d clusters: %w", chart, n, err)
			}
			b.table(out)
			if err := os.RemoveAll(f.root); err != nil {
				return err
			}
		}
	}
	return nil
}

func numbers(text string) ([]int, error) {
	var all []int
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of clusters", part)
		}
		all = append(all, n)
	}
	return all, nil
}

// machine says where the figures are from.
func machine() string {
	model := "unknown processor"
	if data, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(data)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s/%s, %d cores, %s, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), model, runtime.Version())
}
