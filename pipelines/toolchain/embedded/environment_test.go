package embedded

import (
	"fmt"
	"os"
	"testing"

	"kasou/internal/upstream"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// clockParts are what a format can show of a time; none lasts over a year.
var clockParts = []string{"2006", "06", "1", "Jan", "2", "002", "Mon", "15", "3", "PM", "4", "5", ".000", ".000000000"}

func TestTheFirstTwoClocksDifferInEveryPart(t *testing.T) {
	one, two := newSource(1, 1).clock(), newSource(2, 1).clock()
	for _, part := range clockParts {
		if one.Format(part) == two.Format(part) {
			t.Errorf("%s and %s are the same in %q", one, two, part)
		}
	}
}

func TestTheClocksShowEveryValueOfAPart(t *testing.T) {
	for part, values := range map[string]int{"1": 12, "Mon": 7, "15": 24, "PM": 2, "5": 24, "4": 24} {
		shown := map[string]bool{}
		for n := 1; n <= environments; n++ {
			shown[newSource(n, 1).clock().Format(part)] = true
		}
		if len(shown) < values {
			t.Errorf("%q shows %d values, want %d: %v", part, len(shown), values, shown)
		}
	}
	for modulo := range int64(17) {
		rests := map[int64]bool{}
		for n := 1; n <= environments; n++ {
			if modulo > 0 {
				rests[newSource(n, 1).clock().Unix()%modulo] = true
			}
		}
		if int64(len(rests)) != modulo {
			t.Errorf("modulo %d there are %d rests", modulo, len(rests))
		}
	}
}

func TestASourceIsItsNumbers(t *testing.T) {
	draw := func(number, call int) string {
		s := newSource(number, call)
		return fmt.Sprint(s.clock(), uuid(s, nil))
	}
	first := draw(1, 2)
	for _, c := range []struct {
		number, call int
		same         bool
	}{{1, 2, true}, {1, 3, false}, {2, 2, false}} {
		if got := draw(c.number, c.call); (got == first) != c.same {
			t.Errorf("environment %d, call %d: %s; environment 1, call 2: %s", c.number, c.call, got, first)
		}
	}
}

// A chart that asks for nothing is rendered once.
func TestUpstreamChartsAreRenderedOnce(t *testing.T) {
	tc, err := New(Options{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tc.Close() }()
	for _, path := range upstream.All(t) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := toolchain.Release{Name: "dev", Namespace: "team", KubeVersion: "1.34.1", Chart: toolchain.Chart{Digest: manifest.Digest(data), Archive: data}}
		err = tc.with(t.Context(), r, func(s *turn) error {
			got, err := s.do(t.Context(), job{Release: r})
			if got.Seen.any() {
				t.Errorf("%s: seen %+v", path, got.Seen)
			}
			return err
		})
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestWatchedTexts(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "0x": false, "0xc0001": false, "0xc000123456": true, "[0x14000abc]": true, "a0x0x12345g 0xABCDEF": true,
		"0x12 0x34": false, "v1 " + anyAPIVersion + " v2": true, "apps/v1": false,
	} {
		begin(environment{})
		if watch(text); end().Varying != want {
			t.Errorf("%q: varying %t", text, !want)
		}
	}
}

func TestMayListVersions(t *testing.T) {
	for text, want := range map[string]bool{
		"{{ .Capabilities.KubeVersion.Minor }} {{ .Capabilities.APIVersions.Has `v1` }}": false,
		"{{ .Capabilities.HelmVersion }}":                                                false,
		"{{ with .Capabilities }}":                                                       true,
		"{{ .Capabilities.APIVersions }}":                                                true,
		"{{ $c.APIVersions }}":                                                           true,
		"{{ $c.APIVersions.Has `v1` }}":                                                  false,
		"{{ get . \"Capabilities\" }}":                                                   true,
		"capabilities: {drop: [ALL]}":                                                    false,
	} {
		if got := mayListVersions([]byte(text)); got != want {
			t.Errorf("%s: %t", text, got)
		}
	}
}
