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
