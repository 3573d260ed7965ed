package manifest_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// long are texts as long as those of Secrets; some are numbers to YAML.
var long = map[string]string{
	"@1": strings.Repeat("aGVsbG8gd29ybGQK", 30) + "==",
	"@2": strings.Repeat("9876543210", 40),
	"@3": strings.Repeat("1", 300) + "e5",
	"@4": "0x" + strings.Repeat("deadBEEF", 40),
	"@5": "+" + strings.Repeat("Zz", 200),
	"@6": strings.Repeat("gA+/", 100),
}

// spelt puts the long texts in for the short names.
func spelt(data string) string {
	for name, text := range long {
		data = strings.ReplaceAll(data, name, text)
	}
	return data
}

// readsTheSame says whether there was anything to compare.
func readsTheSame(t *testing.T, data string) bool {
	t.Helper()
	if _, plain := manifest.Glance([]byte(data)); !plain {
		return false
	}
	var want, got map[string]any
	wantErr := yaml.UnmarshalStrict([]byte(data), &want)
	gotErr := manifest.UnmarshalStrict([]byte(data), &got)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%q: the library says %v, UnmarshalStrict %v", data, wantErr, gotErr)
	}
	if diff := cmp.Diff(want, got); wantErr == nil && diff != "" {
		t.Errorf("%q: another object (-library +UnmarshalStrict):\n%s", data, diff)
	}
	return true
}

const headOfSecret = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: a\n"

// documents have long texts in all places where a line may end in one.
var documents = []string{
	"data:\n  a: @1\n  b: \"@1\"\n  c: '@1'\n  d: @6\ntype: Opaque\n",
	"data:\n  a: @2\n  b: \"@2\"\n  c: @3\n  d: @4\n  e: \"@4\"\n  f: @5\n",
	"data: {a: @1, b: \"@1\"}\n",
	"data:\n  a: @1 # said\n  b: @1 more\n  c: @1\n    goes on\n  d: x: @1\n",
	"stringData:\n  a: |\n    k: @1\n    \"l\": \"@6\"\n  b: >-\n    k: @1\n    m: @6\n",
	"list:\n- a: @1\n- @1\n- b: @1\n  c: @6\n",
	"data:\n  @1: b\n  ? k: @1\n  : c\n",
	"data:\n  ? |\n    k: @1\n  : c\n",
	"data:\n  a: @1\n  a: @1\n",
	"data:\n  a: @1\n  b: \"x\\x41y\"\n  \"\\x42\": c\n",
	"data:\n  a: @1\n  b: !!binary a2Fzb3U=\n",
	"data:\n  a: @1",
	"data:\n  a: \"@1\n  b: @1\"\n",
	"data:\n  a: @1\n: x\n",
}

func TestUnmarshalStrictReadsWhatTheLibraryReads(t *testing.T) {
	compared := 0
	for _, data := range documents {
		if readsTheSame(t, spelt(headOfSecret+data)) {
			compared++
		}
	}
	if compared < len(documents)/2 {
		t.Errorf("only %d of %d documents are plain", compared, len(documents))
	}
}

func TestMarshalWritesLongTextsWhole(t *testing.T) {
	list := []any{}
	table := map[string]any{}
	for name, text := range long {
		list = append(list, text, map[string]any{name: text, text: "key"})
		table[name] = text + " more"
	}
	sameAsLibrary(t, map[string]any{"list": list, "a": long["@1"], "five": 5.0})
	table["list"] = list
	table["five"] = 5.0
	sameAsLibrary(t, table)
	sameAsLibrary(t, long["@1"])
}

func FuzzUnmarshalStrict(f *testing.F) {
	for _, data := range documents {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) { readsTheSame(t, spelt(headOfSecret+data)) })
}
