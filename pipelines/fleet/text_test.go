package fleet

import "testing"

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
