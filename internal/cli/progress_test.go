package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"
)

func TestProgressIsOneLineThatGoesAway(t *testing.T) {
	var w bytes.Buffer
	p := &progress{w: &w, verb: "building", columns: func() int { return 0 }, start: time.Now().Add(-time.Second)}
	for i := range 1000 {
		p.Step(i+1, 1000, "cluster\x1b[2J")
	}
	p.Done()
	out := w.String()
	if n := strings.Count(out, "building"); n == 0 || n > 10 {
		t.Errorf("drawn %d times at once", n)
	}
	if strings.Contains(out, "\n") || strings.Contains(out, "\x1b[2J") || !strings.HasSuffix(out, "\r\x1b[K") {
		t.Errorf("output %q", out)
	}
	w.Reset()
	p.Done()
	if w.Len() > 0 {
		t.Errorf("a second Done writes %q", w.String())
	}
}

// What failed, and how long the rest takes at the pace so far, stand behind the count;
// not before the pace is known.
func TestProgressTellsFailuresAndTheRest(t *testing.T) {
	for passed, want := range map[time.Duration]string{
		10 * time.Second: "building 25/100, 2 failed, 30s left a", time.Second: "building 25/100, 2 failed a",
	} {
		var w bytes.Buffer
		p := &progress{w: &w, verb: "building", columns: func() int { return 0 }, start: time.Now().Add(-passed)}
		p.Failed()
		p.Failed()
		p.Step(25, 100, "a")
		if got := strings.TrimSuffix(strings.TrimPrefix(w.String(), "\r"), "\x1b[K"); got != want {
			t.Errorf("after %s: %q, want %q", passed, got, want)
		}
	}
}

// The first clusters of many tell nothing of the rest.
func TestProgressWaitsForAPace(t *testing.T) {
	var w bytes.Buffer
	p := &progress{w: &w, verb: "building", columns: func() int { return 0 }, start: time.Now().Add(-4 * time.Second)}
	p.Step(1, 150, "a")
	if strings.Contains(w.String(), "left") {
		t.Errorf("%q", w.String())
	}
}

// In a narrow terminal the line does not wrap, as it could not be taken away then.
func TestProgressFitsTheTerminal(t *testing.T) {
	var w bytes.Buffer
	p := &progress{w: &w, verb: "building", columns: func() int { return 20 }, start: time.Now().Add(-time.Second)}
	p.Step(1, 150, "a-cluster-with-a-long-name")
	if got := strings.TrimSuffix(strings.TrimPrefix(w.String(), "\r"), "\x1b[K"); got != "building 1/150 a-clu"[:19] {
		t.Errorf("%q", got)
	}
}

func TestShortWorkShowsNoProgress(t *testing.T) {
	var w bytes.Buffer
	p := &progress{w: &w, verb: "building", columns: func() int { return 0 }, start: time.Now()}
	p.Step(1, 2, "a")
	p.Done()
	if w.Len() > 0 {
		t.Errorf("output %q", w.String())
	}
}

func TestNothingIsATerminalInATest(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	env := Env{Stderr: null, Getenv: func(string) string { return "" }}
	if newProgress(env, "building") != nil || colors(env, null) || colors(env, &bytes.Buffer{}) {
		t.Error("progress or colour for what is not a terminal")
	}
	var none *progress
	none.Step(1, 1, "a") // on a pipe
	none.Done()
}
