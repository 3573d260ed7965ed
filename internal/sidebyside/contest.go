package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"
)

// contestant names one of those that are timed, as the tables do.
type contestant string

// The contestants, in the order of the tables.
const (
	loop            contestant = "(a) a loop of `helm template`, `kubeseal`, `kubeconform`"
	shell           contestant = "(b) `helm template` in parallel, one `kubeconform`"
	cold            contestant = "`kasou build`, cold"
	unchanged       contestant = "`kasou build`, nothing changed"
	oneChanged      contestant = "`kasou build`, one spec changed"
	check           contestant = "`kasou check`"
	daggerCold      contestant = "dagger: `kasou build`, cold"
	daggerCached    contestant = "dagger: `kasou build --no-cache`, engine has seen all"
	daggerUnchanged contestant = "dagger: `kasou build`, nothing changed"
)

var contestants = []contestant{loop, shell, cold, unchanged, oneChanged, check, daggerCold, daggerCached, daggerUnchanged}

// bench holds what all fleets share.
type bench struct {
	settings
	tools tools
	// dir is for all files of the run.
	dir      string
	progress io.Writer
	// without says why containers are not timed; empty where they are.
	without string
	version []measure
	results []*result
	fleets  int
}

// result is what was measured on one chart's fleet of one size.
type result struct {
	chart string
	size  int
	// sampled is how many clusters the command-line tools were timed on.
	sampled int
	runs    map[contestant][]measure
	// steps are how long each command-line tool ran for a cluster, on average.
	steps []steps
}

// rounds says how often a fleet of the size is timed.
func (s settings) rounds(size int) int {
	if size >= large {
		return s.largeRuns
	}
	return s.runs
}

// startUp times the command that does nothing.
func (b *bench) startUp(ctx context.Context) error {
	for range 21 {
		m, err := timed(command{args: []string{b.tools.kasou, "version"}}.timeable(ctx))
		if err != nil {
			return err
		}
		b.version = append(b.version, m)
	}
	return nil
}

func (c command) timeable(ctx context.Context) func() (time.Duration, error) {
	return func() (time.Duration, error) { return c.run(ctx) }
}

// fleet times all contestants on a fleet of the size, in turn in each round, so
// that what else the machine does meets all of them.
func (b *bench) fleet(ctx context.Context, chart string, size int) (*result, error) {
	r := &result{chart: chartName(chart), size: size, sampled: min(size, b.sample), runs: map[contestant][]measure{}}
	for round := range b.rounds(size) {
		fmt.Fprintf(b.progress, "%s, %d clusters, round %d of %d\n", r.chart, size, round+1, b.rounds(size))
		if err := b.round(ctx, r, chart); err != nil {
			return nil, err
		}
		// A thousand clusters in containers take minutes: once is enough.
		if b.without == "" && size <= b.daggerUpTo && (round == 0 || size < targetSize) {
			if err := b.daggerRound(ctx, r, chart); err != nil && ctx.Err() == nil {
				b.leaveOut(err.Error())
			}
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
	}
	return r, nil
}

// newRepo makes a fleet that nothing has seen. It stays until the end: an ext4
// without a journal looks at every file that was deleted lately before it makes
// one, which doubles a cold build.
func (b *bench) newRepo(chart string, size int) (repo, error) {
	b.fleets++
	mark := fmt.Sprintf("b%d-%d", b.fleets, time.Now().Unix())
	return newRepo(filepath.Join(b.dir, "fleet"+strconv.Itoa(b.fleets)), chart, size, mark)
}

func (b *bench) round(ctx context.Context, r *result, chart string) error {
	fresh, err := b.newRepo(chart, r.size)
	if err != nil {
		return err
	}
	kasou := func(args ...string) func() (time.Duration, error) {
		return b.kasou(fresh, filepath.Join(fresh.root, ".cache"), "embedded", args...).timeable(ctx)
	}
	if err := b.time(r, cold, kasou("build")); err != nil {
		return err
	}
	if err := b.time(r, unchanged, kasou("build")); err != nil {
		return err
	}
	if err := fresh.change(); err != nil {
		return err
	}
	if err := b.time(r, oneChanged, kasou("build")); err != nil {
		return err
	}
	if err := b.time(r, check, kasou("check")); err != nil {
		return err
	}
	return b.commands(ctx, r, fresh)
}

func (b *bench) kasou(r repo, cache, toolchain string, args ...string) command {
	return command{dir: r.root, env: []string{"KASOU_CACHE=" + cache},
		args: append([]string{b.tools.kasou, "--toolchain", toolchain, "--jobs", strconv.Itoa(b.jobs)}, args...)}
}

func (b *bench) time(r *result, c contestant, work func() (time.Duration, error)) error {
	m, err := timed(work)
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	b.note(r, c, m)
	return nil
}

func (b *bench) note(r *result, c contestant, m measure) {
	r.runs[c] = append(r.runs[c], m)
	fmt.Fprintf(b.progress, "  %-56s %9s, %s a cluster, %s\n", c, short(m.wall), short(m.wall/time.Duration(r.size)), mebibytes(m.own))
}
