package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// quiet is the part of the machine that others may have without a remark.
const quiet = 0.05

// writeFleet prints what was measured on one fleet.
func writeFleet(out io.Writer, r *result) {
	fmt.Fprintf(out, "\n### %s, %d clusters\n\n", r.chart, r.size)
	if r.sampled < r.size {
		fmt.Fprintf(out, "(a) and (b) were timed on %d of the clusters and scaled to all.\n\n", r.sampled)
	}
	fmt.Fprintln(out, "| | time | a cluster | CPU a cluster | times faster than (a) | than (b) | peak memory | with mapped files |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|")
	for _, c := range contestants {
		runs := r.runs[c]
		if len(runs) == 0 {
			continue
		}
		walls := column(runs, wall)
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", c, withSpread(median(walls), walls, short),
			short(r.perCluster(c)), cpuPerCluster(runs, r.size), faster(r, loop, c), faster(r, shell, c),
			mebibytes(slices.Max(column(runs, own))), mebibytes(slices.Max(column(runs, resident))))
	}
	if part := r.disturbed(runtime.NumCPU()); part > quiet {
		fmt.Fprintf(out, "\n**The machine was busy**: other programs had %.0f%% of its processors meanwhile. CPU times stand that better than the ratios.\n", 100*part)
	}
	if len(r.steps) > 0 {
		fmt.Fprintf(out, "\nOf (a), for a cluster, with the others at work beside it: helm %s, kubeseal %s, kubeconform %s.\n",
			step(r.steps, func(s steps) time.Duration { return s.helm }),
			step(r.steps, func(s steps) time.Duration { return s.kubeseal }),
			step(r.steps, func(s steps) time.Duration { return s.kubeconform }))
	}
}

func step(all []steps, one func(steps) time.Duration) string {
	var times []time.Duration
	for _, s := range all {
		times = append(times, one(s))
	}
	if m := median(times); m > 0 {
		return short(m)
	}
	return "not called"
}

func cpuPerCluster(runs []measure, size int) string {
	if m := median(column(runs, cpu)); m > 0 {
		return short(m / time.Duration(size))
	}
	return "–"
}

func faster(r *result, than, c contestant) string {
	if than == c {
		return "1"
	}
	all := ratios(r.runs[than], r.runs[c])
	if len(all) == 0 {
		return "–"
	}
	return withSpread(median(all), all, digits)
}

// writeSummary prints how the cost of a cluster grows, and each target.
func writeSummary(out io.Writer, version []measure, results []*result) {
	fmt.Fprintln(out, "\n### Cost of a cluster as the fleet grows")
	for _, chart := range chartsOf(results) {
		writeGrowth(out, chart, results)
	}
	fmt.Fprint(out, "\n### Targets\n\n| | chart | wanted | got | |\n|---|---|---|---|---|\n")
	for _, t := range targets(version, results) {
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s |\n", t.what, t.chart, t.wanted, t.got, t.verdict)
	}
}

func writeGrowth(out io.Writer, chart string, results []*result) {
	var of []*result
	for _, r := range results {
		if r.chart == chart {
			of = append(of, r)
		}
	}
	fmt.Fprintf(out, "\n| %s |", chart)
	for _, r := range of {
		fmt.Fprintf(out, " %d |", r.size)
	}
	fmt.Fprint(out, " peak memory |\n|---|")
	for range of {
		fmt.Fprint(out, "---|")
	}
	fmt.Fprintln(out, "---|")
	for _, c := range contestants {
		if c == loop || c == shell || !slices.ContainsFunc(of, func(r *result) bool { return len(r.runs[c]) > 0 }) {
			continue
		}
		fmt.Fprintf(out, "| %s |", c)
		memory := ""
		for _, r := range of {
			if len(r.runs[c]) == 0 {
				fmt.Fprint(out, " – |")
				continue
			}
			fmt.Fprintf(out, " %s |", short(r.perCluster(c)))
			if memory != "" {
				memory += ", "
			}
			memory += mebibytes(slices.Max(column(r.runs[c], own)))
		}
		fmt.Fprintf(out, " %s |\n", memory)
	}
}

func chartsOf(results []*result) []string {
	var names []string
	for _, r := range results {
		if !slices.Contains(names, r.chart) {
			names = append(names, r.chart)
		}
	}
	return names
}
