package main

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// times scales what was measured on a sample. Memory stays: the tools' processes
// end with their cluster.
func (m measure) times(factor float64) measure {
	for _, d := range []*time.Duration{&m.wall, &m.cpu, &m.others} {
		*d = time.Duration(float64(*d) * factor)
	}
	return m
}

// scaleShell returns the clever shell's time for a fleet of the size: made is
// rendering and sealing a sample, one is kubeconform over one cluster of it, all
// over the whole sample. What kubeconform takes to start and to read schemas is
// in one, and counts once.
func scaleShell(made, one, all measure, sampled, size int) measure {
	total := made.times(float64(size) / float64(sampled))
	if sampled == size {
		return total.then(all)
	}
	if sampled == 1 {
		return total.then(one.times(float64(size)))
	}
	more := measure{wall: max(0, all.wall-one.wall), cpu: max(0, all.cpu-one.cpu), others: max(0, all.others-one.others), memory: all.memory}
	return total.then(one).then(more.times(float64(size-1) / float64(sampled-1)))
}

// then adds what ran after it.
func (m measure) then(other measure) measure {
	return measure{wall: m.wall + other.wall, cpu: m.cpu + other.cpu, others: m.others + other.others,
		memory: memory{own: max(m.own, other.own), resident: max(m.resident, other.resident)}}
}

// each returns the time for one of n clusters.
func (s steps) each(n int) steps {
	d := time.Duration(n)
	return steps{helm: s.helm / d, kubeseal: s.kubeseal / d, kubeconform: s.kubeconform / d, cpu: s.cpu / d}
}

// median returns the middle one, of an even number the mean of the two in the
// middle, and 0 of none.
func median[T int64 | float64 | time.Duration](all []T) T {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// column takes one figure out of each run.
func column[T any](runs []measure, figure func(measure) T) []T {
	all := make([]T, len(runs))
	for i, m := range runs {
		all[i] = figure(m)
	}
	return all
}

func wall(m measure) time.Duration { return m.wall }
func cpu(m measure) time.Duration  { return m.cpu }
func own(m measure) int64          { return m.own }
func resident(m measure) int64     { return m.resident }

// ratios says how many times faster b is than a, in each round.
func ratios(a, b []measure) []float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		all = append(all, float64(a[i].wall)/float64(b[i].wall))
	}
	return all
}

// disturbed says which part of the machine others had, of 1, while the
// contestants that run on it alone were timed.
func (r *result) disturbed(cores int) float64 {
	var others, all time.Duration
	for c, runs := range r.runs {
		if c == daggerCold || c == daggerCached || c == daggerUnchanged {
			continue // the engine is another
		}
		for _, m := range runs {
			others, all = others+m.others, all+m.wall*time.Duration(cores)
		}
	}
	if all == 0 {
		return 0
	}
	return float64(others) / float64(all)
}

// perCluster is the median time for one cluster; 0 where nothing was measured.
func (r *result) perCluster(c contestant) time.Duration {
	return median(column(r.runs[c], wall)) / time.Duration(r.size)
}

// withSpread writes the median, and the least and the most where there is more
// than one.
func withSpread[T cmp.Ordered](middle T, all []T, write func(T) string) string {
	if len(all) < 2 {
		return write(middle)
	}
	return fmt.Sprintf("%s (%s to %s)", write(middle), write(slices.Min(all)), write(slices.Max(all)))
}

// short writes a time with three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return digits(d.Seconds()) + " s"
	case d >= time.Millisecond:
		return digits(float64(d)/float64(time.Millisecond)) + " ms"
	}
	return digits(float64(d)/float64(time.Microsecond)) + " µs"
}

// digits writes a number with three digits, or all before the point.
func digits(x float64) string {
	switch {
	case x >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case x >= 9.995:
		return fmt.Sprintf("%.1f", x)
	}
	return fmt.Sprintf("%.2f", x)
}

func mebibytes(n int64) string {
	if n == 0 {
		return "–"
	}
	return fmt.Sprintf("%d MiB", (n+1<<19)>>20)
}
