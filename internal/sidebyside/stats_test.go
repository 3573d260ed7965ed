package main

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		all  []time.Duration
		want time.Duration
	}{
		{nil, 0}, {[]time.Duration{7}, 7}, {[]time.Duration{9, 1, 5}, 5}, {[]time.Duration{8, 2, 4, 100}, 6},
	} {
		before := slices.Clone(test.all)
		if got := median(test.all); got != test.want {
			t.Errorf("median of %v: %d, want %d", test.all, got, test.want)
		}
		if !slices.Equal(before, test.all) {
			t.Errorf("the rounds were put in another order: %v", test.all)
		}
	}
}

func TestRatiosAreOfTheSameRound(t *testing.T) {
	a := []measure{{wall: 10 * ms}, {wall: 40 * ms}, {wall: 1}}
	b := []measure{{wall: 5 * ms}, {wall: 10 * ms}}
	if got := ratios(a, b); !slices.Equal(got, []float64{2, 4}) {
		t.Errorf("ratios %v", got)
	}
}

func TestTheLoopIsScaledAndItsMemoryIsNot(t *testing.T) {
	got := measure{wall: 3 * ms, cpu: 5 * ms, others: ms, memory: memory{own: 7, resident: 9}}.times(10)
	if want := (measure{wall: 30 * ms, cpu: 50 * ms, others: 10 * ms, memory: memory{own: 7, resident: 9}}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestTheShellsKubeconformStartsOnce(t *testing.T) {
	made, one, all := measure{wall: 100 * ms}, measure{wall: 40 * ms}, measure{wall: 58 * ms, memory: memory{own: 8}}
	for name, test := range map[string]struct {
		sampled, size int
		all           measure
		want          time.Duration
	}{
		// Ten clusters take 18 ms more than one: 2 ms for each after the first.
		"scaled":             {10, 1000, all, 10_000*ms + 40*ms + 999*2*ms},
		"whole fleet":        {10, 10, all, 158 * ms},
		"noise":              {10, 1000, measure{wall: 30 * ms}, 10_000*ms + 40*ms},
		"a sample of one":    {1, 3, one, 300*ms + 120*ms},
		"a fleet of one":     {1, 1, one, 140 * ms},
		"as many as sampled": {10, 10, measure{wall: 1}, 100*ms + 1},
	} {
		if got := scaleShell(made, one, test.all, test.sampled, test.size); got.wall != test.want {
			t.Errorf("%s: %s, want %s", name, got.wall, test.want)
		}
	}
	if got := scaleShell(made, one, all, 10, 1000); got.own != 8 {
		t.Errorf("the memory of kubeconform over all is lost: %d", got.own)
	}
}

func TestTheSampleIsSpreadOverTheFleet(t *testing.T) {
	if got := spread(10, 4); !slices.Equal(got, []int{0, 2, 5, 7}) {
		t.Errorf("%v", got)
	}
	if got := spread(3, 3); !slices.Equal(got, []int{0, 1, 2}) {
		t.Errorf("%v", got)
	}
}

func TestFigures(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0.00 µs", 1500: "1.50 µs", 999_960: "1000 µs", 9_996 * time.Microsecond: "10.0 ms", 42 * ms: "42.0 ms", 150 * ms: "150 ms",
		1234 * ms: "1.23 s", 99_960 * ms: "100 s", time.Hour: "3600 s",
	} {
		if got := short(d); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	all := []float64{4, 1, 2}
	if got := withSpread(median(all), all, digits); got != "2.00 (1.00 to 4.00)" {
		t.Error(got)
	}
	if got := withSpread(4, []float64{4}, digits); got != "4.00" {
		t.Errorf("one run has a spread: %s", got)
	}
	if got := mebibytes(3<<20 - 1); got != "3 MiB" {
		t.Error(got)
	}
}

func TestABusyMachineIsSeen(t *testing.T) {
	r := &result{runs: map[contestant][]measure{
		cold: {{wall: 100 * ms, others: 50 * ms}}, check: {{wall: 300 * ms, others: 30 * ms}}, daggerCold: {{wall: ms, others: time.Hour}}}}
	if got := r.disturbed(2); got != 0.1 {
		t.Errorf("%v of the processors, want 0.1", got)
	}
	if got := (&result{}).disturbed(2); got != 0 {
		t.Errorf("%v of nothing", got)
	}
	if runtime.GOOS != "linux" {
		t.Skip("SKIPPED: there is no /proc")
	}
	m, err := timed(func() (time.Duration, error) {
		for end := time.Now().Add(300 * ms); time.Now().Before(end); {
			_ = median([]float64{2, 1}) // this process is another one for a contestant
		}
		return 0, nil
	})
	if err != nil || m.others < 100*ms {
		t.Errorf("busy for %s, seen %s, error %v", m.wall, m.others, err)
	}
}
