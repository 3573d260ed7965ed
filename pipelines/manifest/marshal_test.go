package manifest_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

func sameAsLibrary(t *testing.T, value any) {
	t.Helper()
	want, wantErr := yaml.Marshal(value)
	got, gotErr := manifest.Marshal(value)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("the library says %v, Marshal %v", wantErr, gotErr)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("another text (-library +Marshal):\n%s", diff)
	}
}

func TestMarshalWritesWhatTheLibraryWrites(t *testing.T) {
	long := strings.Repeat("a word and ", 30)
	for name, value := range map[string]any{
		"nothing":      nil,
		"empty":        map[string]any{"m": map[string]any{}, "l": []any{}},
		"nil map":      map[string]any{"m": map[string]any(nil), "l": []any(nil)},
		"whole floats": map[string]any{"a": 5.0, "b": 1234567.0, "c": -3.0, "d": 1e15, "e": 9007199254740992.0, "f": 1e21, "g": 1e20},
		"floats":       map[string]any{"a": 1.5, "b": 1e-9, "c": math.Copysign(0, -1), "d": 0.1},
		"ints":         map[string]any{"a": 5, "b": int64(math.MaxInt64), "c": -1, "d": uint64(math.MaxUint64), "e": int32(3)},
		"words":        []any{"yes", "No", "null", "~", "true", "1", "0x1f", "1e3", "1_000", "0755", "2001-01-01", "12:30:45", ".inf", "=", "<<", "", " ", "- a", "a: b", "a #b", "#c", "@d", "`e", "%f", "&g", "*h", "!i", "|", ">", "{", "[", "?", "-", "'", "\""},
		"texts":        map[string]any{"long": long, "lines": "a\n  b\n\nc", "end": "a\n\n", "tab": "\ta", "cr": "a\r\nb", "html": "<a href=\"x\">&</a>", "odd": "\u2028\u0085\ufeff\u00a0", "escapes": "\x01\x1f", "emoji": "😀", "spaces": " a "},
		"control":      "\x7f",
		"not UTF-8":    map[string]any{"a": "\xff\xfe", "\xff": "b"},
		"keys":         map[string]any{"a10": 1, "a9": 2, "A": 3, "_": 4, "1": 5, "01": 6, "true": 7, "": 8, long: 9, "a\nb": 10, "ä": 11},
		"lists":        []any{[]any{[]any{1, map[string]any{"a": []any{map[string]any{"b": nil}}}}}, "x"},
		"other types":  map[string]any{"a": []string{"x"}, "b": map[string]string{"c": "d"}, "n": json.Number("1.10")},
		"a struct":     struct{ A int }{1},
		"no YAML":      map[string]any{"f": math.NaN()},
	} {
		t.Run(name, func(t *testing.T) { sameAsLibrary(t, value) })
	}
}

// Whatever JSON has in it.
func FuzzMarshal(f *testing.F) {
	f.Add([]byte(`{"a": [1, 2.5, 1e30, "x\ny", null, true, {"": ""}], "b9": "0x1", "b10": "\u0085"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var value any
		if json.Unmarshal(data, &value) == nil {
			sameAsLibrary(t, value)
		}
	})
}
