// Command sidebyside times kasou against the command-line tools that it takes
// the place of, in one run on one machine: `make bench`. Progress goes to
// stderr, results as Markdown to stdout. docs/performance.md has the last ones.
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

	"kasou/internal/upstream"
)

// settings say what is timed.
type settings struct {
	// charts are paths of .tgz files and folders.
	charts []string
	sizes  []int
	// runs is how often each contestant is timed, largeRuns the same for fleets
	// of at least large clusters.
	runs, largeRuns int
	// sample is the most clusters that the command-line tools are timed on.
	sample int
	// daggerUpTo is the largest fleet that is timed in containers.
	daggerUpTo int
	jobs       int
}

// large fleets are timed less often.
const large = 10_000

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	s, err := parse(os.Args[1:], os.Stderr)
	if err == nil {
		err = run(ctx, s, os.Stdout, os.Stderr)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "sidebyside:", err)
		os.Exit(1)
	}
}

// parse reads the command line. Charts that are not there it leaves out, and
// says so on progress.
func parse(args []string, progress io.Writer) (settings, error) {
	s := settings{}
	flags := flag.NewFlagSet("sidebyside", flag.ExitOnError)
	dir := flags.String("charts-dir", upstream.Dir(), "folder with the charts as .tgz files")
	charts := flags.String("charts", "vcluster-0.4.3,vcluster-0.36.1", "charts: names in -charts-dir without .tgz, or paths with a slash")
	sizes := flags.String("sizes", "100,1000,10000", "numbers of clusters")
	flags.IntVar(&s.runs, "runs", 3, "how often each is timed")
	flags.IntVar(&s.largeRuns, "large-runs", 1, fmt.Sprintf("how often each is timed in fleets of %d and more", large))
	flags.IntVar(&s.sample, "sample", 100, "the most clusters that the command-line tools get; their times are scaled to the fleet")
	flags.IntVar(&s.daggerUpTo, "dagger-up-to", 1000, "the largest fleet that is timed in containers")
	flags.IntVar(&s.jobs, "jobs", runtime.GOMAXPROCS(0), "clusters at once, for every contestant")
	_ = flags.Parse(args) // it exits
	if s.runs < 1 || s.largeRuns < 1 || s.sample < 1 || s.jobs < 1 {
		return s, fmt.Errorf("-runs, -large-runs, -sample and -jobs are at least 1")
	}
	for size := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1 {
			return s, fmt.Errorf("-sizes: %q is not a number of clusters", size)
		}
		s.sizes = append(s.sizes, n)
	}
	for chart := range strings.SplitSeq(*charts, ",") {
		path := chart
		if !strings.Contains(chart, "/") {
			path = filepath.Join(*dir, chart+".tgz")
		}
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintf(progress, "SKIPPED: no chart %s: set %s or -charts-dir to a folder with vcluster-*.tgz\n", path, upstream.Env)
			continue
		}
		s.charts = append(s.charts, path)
	}
	if len(s.charts) == 0 {
		return s, fmt.Errorf("no charts, nothing to time")
	}
	return s, nil
}

// run times every contestant on every fleet. Each fleet's table is printed when
// it is known, the summary at the end.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	dir, err := os.MkdirTemp("", "kasou-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	fmt.Fprintln(progress, "building kasou, helm, kubeseal and kubeconform")
	tools, err := buildTools(ctx, filepath.Join(dir, "bin"))
	if err != nil {
		return err
	}
	b := &bench{settings: s, tools: tools, dir: dir, progress: progress}
	described, err := describe(ctx, tools)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s\n", described)
	if err := b.startUp(ctx); err != nil {
		return err
	}
	if err := b.openDagger(ctx); err != nil {
		return err
	}
	for _, chart := range s.charts {
		for _, size := range s.sizes {
			r, err := b.fleet(ctx, chart, size)
			if err != nil {
				return fmt.Errorf("%s, %d clusters: %w", chartName(chart), size, err)
			}
			b.results = append(b.results, r)
			writeFleet(out, r)
		}
	}
	writeSummary(out, b.version, b.results)
	if b.without != "" {
		fmt.Fprintf(out, "\nContainers were left out: %s\n", strings.TrimSpace(b.without))
	}
	return nil
}
