package fleet_test

import (
	"testing"
	"time"

	"kasou/pipelines/fleet"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"3d": 72 * time.Hour, "1d12h": 36 * time.Hour, "720h": 720 * time.Hour, "90s": 90 * time.Second, "0d": 0,
		"-3d": -1, "3d-1h": -1, "d": -1, "3": -1, "99999d": -1, "1d1d": -1, "": -1, "3 d": -1, "1.5d": -1,
	} {
		got, err := fleet.ParseDuration(text)
		if want < 0 && err == nil || want >= 0 && (err != nil || got != want) {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for text, want := range map[string]string{"720h": "30d", "3d": "3d", "36h": "36h0m0s", "1s": "1s"} {
		var d fleet.Duration
		if err := d.Set(text); err != nil || d.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, d.String(), err, want)
		}
	}
}
