package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// target is one thing that kasou is to reach, and whether it does.
type target struct{ what, chart, wanted, got, verdict string }

const (
	met         = "met"
	notMet      = "**not met**"
	notMeasured = "not measured"
	// onBusy follows a verdict that another run may turn.
	onBusy = ", machine was busy"
)

// The targets of speed are for a fleet of targetSize; growth is from the small
// to the large.
const (
	targetSize           = 1000
	growthFrom, growthTo = 100, 10_000
	memoryLimit          = 600 << 20
	versionLimit         = 50 * time.Millisecond
	oldest, newest       = "vcluster-0.4.3", "vcluster-0.36.1"
	// noise is how far apart two times of the same work may be.
	noise = 1.1
)

// speeds are how many times faster than another one a contestant should be, for
// the charts of the targets.
var speeds = []struct {
	contestant, than contestant
	oldest, newest   float64
}{
	{cold, loop, 40, 20},
	{cold, shell, 10, 6},
	{check, loop, 40, 20},
	{check, shell, 10, 6},
	{unchanged, loop, 500, 500},
	{oneChanged, loop, 300, 300},
	{daggerCached, loop, 30, 30},
	{daggerCold, loop, 1, 1},
}

// targets holds the results to what is wanted.
func targets(version []measure, results []*result) []target {
	var all []target
	for _, chart := range chartsOf(results) {
		all = append(all, speedTargets(chart, results)...)
		all = append(all, growthTargets(chart, results)...)
		all = append(all, memoryTarget(chart, results))
	}
	walls := column(version, wall)
	return append(all, judge("`kasou version`", "", "under "+short(versionLimit), withSpread(median(walls), walls, short),
		len(walls) > 0, median(walls) < versionLimit))
}

// busy adds to a verdict that others disturbed what it rests on.
func (t target) busy(results ...*result) target {
	disturbed := func(r *result) bool { return r != nil && r.disturbed(runtime.NumCPU()) > quiet }
	if t.verdict != notMeasured && slices.ContainsFunc(results, disturbed) {
		t.verdict += onBusy
	}
	return t
}

func judge(what, chart, wanted, got string, measured, reached bool) target {
	t := target{what: what, chart: chart, wanted: wanted, got: got, verdict: met}
	switch {
	case !measured:
		t.got, t.verdict = "–", notMeasured
	case !reached:
		t.verdict = notMet
	}
	return t
}

func speedTargets(chart string, results []*result) []target {
	var all []target
	for _, s := range speeds {
		want := map[string]float64{oldest: s.oldest, newest: s.newest}[chart]
		if want == 0 {
			continue
		}
		var got []float64
		size := speedSize(results, chart, s.contestant)
		r := sized(results, chart, size)
		if r != nil {
			got = ratios(r.runs[s.than], r.runs[s.contestant])
		}
		all = append(all, judge(fmt.Sprintf("%s, %d clusters", s.contestant, size), chart, wantedSpeed(want, s.than),
			withSpread(median(got), got, digits), len(got) > 0, median(got) >= want).busy(r))
	}
	return all
}

// speedSize is the fleet that a contestant is judged by: in containers the
// largest that was timed, which may be small.
func speedSize(results []*result, chart string, c contestant) int {
	if c != daggerCold && c != daggerCached {
		return targetSize
	}
	size := 0
	for _, r := range results {
		if r.chart == chart && len(r.runs[c]) > 0 {
			size = max(size, r.size)
		}
	}
	if size == 0 {
		return targetSize
	}
	return size
}

func wantedSpeed(want float64, than contestant) string {
	name := "(a)"
	if than == shell {
		name = "(b)"
	}
	if want == 1 {
		return "not slower than " + name
	}
	return fmt.Sprintf("%g times faster than %s", want, name)
}

func growthTargets(chart string, results []*result) []target {
	few, many := sized(results, chart, growthFrom), sized(results, chart, growthTo)
	var all []target
	for _, c := range []contestant{cold, unchanged, oneChanged, check} {
		var from, to time.Duration
		if few != nil && many != nil {
			from, to = few.perCluster(c), many.perCluster(c)
		}
		all = append(all, judge(fmt.Sprintf("%s, time of a cluster, %d clusters", c, growthTo), chart, fmt.Sprintf("at most that of %d, with 10%% for noise", growthFrom),
			short(from)+" → "+short(to), from > 0 && to > 0, float64(to) <= noise*float64(from)).busy(few, many))
	}
	return all
}

func memoryTarget(chart string, results []*result) target {
	most, measured := int64(0), false
	if r := sized(results, chart, growthTo); r != nil {
		for _, c := range []contestant{cold, unchanged, oneChanged, check} {
			for _, m := range r.runs[c] {
				most, measured = max(most, m.own), true
			}
		}
	}
	return judge(fmt.Sprintf("peak memory, %d clusters", growthTo), chart, fmt.Sprintf("under %d MiB", memoryLimit>>20), mebibytes(most),
		measured && most > 0, most < memoryLimit)
}

// sized returns a chart's result for a size, or nil.
func sized(results []*result, chart string, size int) *result {
	i := slices.IndexFunc(results, func(r *result) bool { return r.chart == chart && r.size == size })
	if i < 0 {
		return nil
	}
	return results[i]
}
