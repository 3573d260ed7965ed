package main

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
)

// took makes runs of so many milliseconds, each with as many MiB.
func took(walls ...int) []measure {
	var all []measure
	for _, w := range walls {
		all = append(all, measure{wall: time.Duration(w) * ms, cpu: 2 * time.Duration(w) * ms,
			memory: memory{own: int64(w) << 20, resident: int64(w) << 21}})
	}
	return all
}

func TestTheTableOfAFleet(t *testing.T) {
	r := &result{chart: "vcluster-0.4.3", size: 1000, sampled: 100, steps: []steps{{helm: 40 * ms, kubeconform: 30 * ms}},
		runs: map[contestant][]measure{loop: took(60_000, 80_000, 70_000), cold: took(2000, 1000, 1000)}}
	r.runs[cold][0].others = time.Hour
	var b strings.Builder
	writeFleet(&b, r)
	want := "\n### vcluster-0.4.3, 1000 clusters\n\n" +
		"(a) and (b) were timed on 100 of the clusters and scaled to all.\n\n" +
		"| | time | a cluster | CPU a cluster | times faster than (a) | than (b) | peak memory | with mapped files |\n" +
		"|---|---|---|---|---|---|---|---|\n" +
		"| (a) a loop of `helm template`, `kubeseal`, `kubeconform` | 70.0 s (60.0 s to 80.0 s) | 70.0 ms | 140 ms | 1 | – | 80000 MiB | 160000 MiB |\n" +
		"| `kasou build`, cold | 1.00 s (1.00 s to 2.00 s) | 1.00 ms | 2.00 ms | 70.0 (30.0 to 80.0) | – | 2000 MiB | 4000 MiB |\n" +
		fmt.Sprintf("\n**The machine was busy**: other programs had %.0f%% of its processors meanwhile. CPU times stand that better than the ratios.\n", 100*3600/214./float64(runtime.NumCPU())) +
		"\nOf (a), for a cluster, with the others at work beside it: helm 40.0 ms, kubeseal not called, kubeconform 30.0 ms.\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestTargets(t *testing.T) {
	results := []*result{
		{chart: oldest, size: 100, runs: map[contestant][]measure{
			loop: took(4000), cold: took(100), check: took(100), unchanged: took(100), daggerCold: took(4000)}},
		{chart: oldest, size: 10, runs: map[contestant][]measure{loop: took(400), daggerCold: took(300)}},
		{chart: oldest, size: 1000, runs: map[contestant][]measure{
			loop: took(40_000), shell: took(9999), cold: took(1000), unchanged: took(80)}},
		{chart: oldest, size: 10_000, runs: map[contestant][]measure{cold: took(11_000), check: took(11_200), unchanged: took(599)}},
		{chart: newest, size: 1000, runs: map[contestant][]measure{
			loop: took(40_000), cold: {{wall: time.Second, others: time.Hour}}}},
		{chart: "other", size: 10_000, runs: map[contestant][]measure{cold: took(599)}},
	}
	got := map[string]target{}
	for _, v := range targets(took(49, 51, 47), results) {
		got[v.chart+" "+v.what+" "+v.wanted] = v
	}
	const growth = "at most that of 100, with 10% for noise"
	for name, want := range map[string][2]string{
		oldest + " `kasou build`, cold, 1000 clusters 40 times faster than (a)":                  {"40.0", met},
		oldest + " `kasou build`, cold, 1000 clusters 10 times faster than (b)":                  {"10.0", notMet},
		oldest + " `kasou build`, nothing changed, 1000 clusters 500 times faster than (a)":      {"500", met},
		oldest + " `kasou build`, one spec changed, 1000 clusters 300 times faster than (a)":     {"–", notMeasured},
		oldest + " dagger: `kasou build`, cold, 100 clusters not slower than (a)":                {"1.00", met},
		oldest + " `kasou build`, cold, time of a cluster, 10000 clusters " + growth:             {"1.00 ms → 1.10 ms", met},
		oldest + " `kasou check`, time of a cluster, 10000 clusters " + growth:                   {"1.00 ms → 1.12 ms", notMet},
		oldest + " `kasou build`, one spec changed, time of a cluster, 10000 clusters " + growth: {"–", notMeasured},
		oldest + " peak memory, 10000 clusters under 600 MiB":                                    {"11200 MiB", notMet},
		"other peak memory, 10000 clusters under 600 MiB":                                        {"599 MiB", met},
		"other `kasou build`, cold, time of a cluster, 10000 clusters " + growth:                 {"–", notMeasured},
		newest + " `kasou build`, cold, 1000 clusters 20 times faster than (a)":                  {"40.0", met + onBusy},
		newest + " `kasou build`, cold, 1000 clusters 6 times faster than (b)":                   {"–", notMeasured},
		" `kasou version` under 50.0 ms":                                                         {"49.0 ms (47.0 ms to 51.0 ms)", met},
	} {
		v, ok := got[name]
		if !ok {
			t.Errorf("no target %q", name)
		} else if v.got != want[0] || v.verdict != want[1] {
			t.Errorf("%s: %s, %s; want %s, %s", name, v.got, v.verdict, want[0], want[1])
		}
	}
	if _, ok := got["other `kasou build`, cold, 1000 clusters 40 times faster than (a)"]; ok {
		t.Error("a chart without a target has one")
	}
}

func TestTheSummaryHasAColumnForEachSize(t *testing.T) {
	var b strings.Builder
	writeSummary(&b, nil, []*result{
		{chart: "c", size: 10, runs: map[contestant][]measure{loop: took(9), cold: took(10)}},
		{chart: "c", size: 20, runs: map[contestant][]measure{loop: took(9), cold: took(40), daggerCold: took(20)}},
	})
	want := "| c | 10 | 20 | peak memory |\n|---|---|---|---|\n" +
		"| `kasou build`, cold | 1.00 ms | 2.00 ms | 10 MiB, 40 MiB |\n" +
		"| dagger: `kasou build`, cold | – | 1.00 ms | 20 MiB |\n"
	if !strings.Contains(b.String(), want) {
		t.Errorf("got\n%s\nwant in it\n%s", b.String(), want)
	}
}
