package main

import (
	"fmt"
	"io"
	"time"
)

// rows are the table's, with what kasou is to reach: how many times faster than
// the loop and than the clever shell, by the chart; 0 where nothing is said.
var rows = []struct {
	name        string
	loop, shell map[string]float64
}{
	{loop, nil, nil},
	{shell, nil, nil},
	{cold, byChart(40, 20), byChart(10, 6)},
	{unchanged, byChart(500, 500), nil},
	{oneChanged, byChart(300, 300), nil},
	{check, byChart(40, 20), byChart(10, 6)},
	{daggerCold, byChart(1, 1), nil},
	{daggerCheck, byChart(30, 30), nil},
	{daggerCached, byChart(30, 30), nil},
}

func byChart(old, newest float64) map[string]float64 {
	return map[string]float64{"charts/vcluster-0.4.3.tgz": old, "charts/vcluster-0.36.1.tgz": newest}
}

// table prints the fleet's results as Markdown.
func (b *bench) table(out io.Writer) {
	fmt.Fprintf(out, "## %s, %d clusters\n\n", b.fleet.chart, b.fleet.size)
	if b.sampled() < b.fleet.size {
		fmt.Fprintf(out, "The command-line tools had %d of the clusters; their times are scaled to all.\n\n", b.sampled())
	}
	fmt.Fprintln(out, "| | median | spread | a cluster | CPU a cluster | faster than the loop | faster than the shell | target | peak memory |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|")
	for _, row := range rows {
		all := b.times[row.name]
		if len(all) == 0 {
			continue
		}
		m, n := median(all), time.Duration(b.fleet.size)
		toLoop, toShell := b.ratio(loop, m), b.ratio(shell, m)
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %.3g | %.3g | %s | %d MiB |\n", row.name, short(m.wall), spread(all),
			short(m.wall/n), short(m.cpu/n), toLoop, toShell, verdict(toLoop, row.loop[b.fleet.chart], toShell, row.shell[b.fleet.chart]), m.peak>>20)
	}
	fmt.Fprintln(out)
}

func (b *bench) ratio(to string, m measure) float64 {
	if len(b.times[to]) == 0 || m.wall == 0 {
		return 0
	}
	return float64(median(b.times[to]).wall) / float64(m.wall)
}

// verdict names the targets and says whether both are met.
func verdict(toLoop, wantLoop, toShell, wantShell float64) string {
	if wantLoop == 0 {
		return ""
	}
	text := fmt.Sprintf("%g", wantLoop)
	if wantShell > 0 {
		text += fmt.Sprintf(" / %g", wantShell)
	}
	if toLoop >= wantLoop && toShell >= wantShell {
		return text + ", met"
	}
	return text + ", not met"
}
