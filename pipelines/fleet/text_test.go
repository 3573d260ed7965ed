package fleet

import (
	"fmt"
	"strings"
	"testing"
)

func TestTextIsWhatWasRead(t *testing.T) {
	spec := specOf("a", "{}")
	f := sound(t, map[string]string{"a/spec.yaml": spec, "b/spec.yaml": specOf("b", "{}")})
	for file, want := range map[string]string{
		"clusters/fleet.yaml": goodFleet, "clusters/a/spec.yaml": spec,
		"clusters/a/lock.yaml": "", "clusters/c/spec.yaml": "", "a/spec.yaml": "", "": "",
	} {
		if got := string(f.Text(file)); got != want {
			t.Errorf("%s: %q", file, got)
		}
	}
}

// An escape of what Kubernetes' library does not write is refused where it stands.
func TestEscapes(t *testing.T) {
	for values, place := range map[string]string{`{a: "x\Ny"}`: "6:12", `{? "\x7f"` + "\n    : 1}": "6:14", `{a: ["", "\u009f"]}`: "6:20", `{"\x85": "\x85"}`: "6:12", `{a: "\t\e\u00a0"}`: ""} {
		src := parse("spec.yaml", "a", []byte(strings.Replace(specOf("a", "{}"), "spec: {}", "spec:\n  values: "+values, 1)), schemaOfSpec())
		got := ""
		for _, f := range tidy(src.findings) {
			if f.Cluster != "a" {
				t.Errorf("%s: of the cluster %q", values, f.Cluster)
			}
			got += fmt.Sprintf("%d:%d", f.Line, f.Column)
		}
		if got != place {
			t.Errorf("%s: %v", values, src.findings)
		}
	}
}

// A mapping may have what it merges otherwise, in any order, and no more than one <<.
func TestMerges(t *testing.T) {
	const base = "annotations: &b {x: one, z: two}\n    other: &c {x: three}\n    numbers: &n {1: one}\n    labels: "
	for labels, want := range map[string]string{
		"{<<: *b, x: own}":               "map[x:own z:two]",
		"{x: own, <<: *c, q: r}":         "map[q:r x:three]", // as Helm's parser has it
		"{<<: [*b, *c]}":                 "map[x:one z:two]",
		"{<<: *b}":                       "map[x:one z:two]",
		"{<<: *b, <<: *c}":               "9:22 fleet-duplicate-key",
		"{!!merge m: *b, !!merge m: *c}": "9:29 fleet-duplicate-key",
		"{<<: *b, x: own, x: more}":      "9:30 fleet-duplicate-key",
		"{<<: *n, 1.0: own}":             "9:22 fleet-syntax", // which counts, would be left to chance
		"{'<<': own, q: r}":              "map[<<:own q:r]",
	} {
		src := parse("spec.yaml", "a", []byte("apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: a}\nspec:\n  values:\n    "+base+labels+"\n"), schemaOfSpec())
		got := ""
		for _, f := range src.findings {
			got += fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Rule)
		}
		if got == "" {
			got = fmt.Sprint(object(src.raw, "spec", "values")["labels"])
		}
		if got != want {
			t.Errorf("%s: %s, want %s", labels, got, want)
		}
	}
}
