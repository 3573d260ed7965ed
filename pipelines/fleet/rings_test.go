package fleet

import (
	"strings"
	"testing"
)

func ringsOf(t *testing.T, rings string) (*Fleet, string) {
	t.Helper()
	files := map[string]string{"fleet.yaml": goodFleet + "  rings:\n" + rings}
	for _, name := range []string{"dev-a", "dev-b", "prod"} {
		files[name+"/spec.yaml"] = "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: " + name + "}\nspec: {}\n"
	}
	f, findings := load(t, repo(t, files))
	return f, string(text(findings))
}

func TestRings(t *testing.T) {
	f, findings := ringsOf(t, "    - {name: canary, clusters: ['dev-?', other]}\n    - {name: rest, soak: 3d}\n")
	if findings != "" {
		t.Fatal(findings)
	}
	for name, want := range map[string]int{"dev-a": 0, "dev-b": 0, "other": 0, "dev-ab": 1, "prod": 1} {
		if got, ok := f.Spec.RingOf(name); got != want || !ok {
			t.Errorf("%s is in ring %d, want %d", name, got, want)
		}
	}
	if f.Spec.Rings[1].SoakTime().Hours() != 72 || strings.Join(RingNames(f.Spec.Rings), " ") != "canary rest" {
		t.Errorf("%+v", f.Spec.Rings)
	}
	if _, ok := (FleetSpec{}).RingOf("dev-a"); ok {
		t.Error("a fleet without rings has one")
	}
}

func TestRingsThatMeanNothing(t *testing.T) {
	for name, test := range map[string]struct{ rings, want string }{
		"one name twice":          {"    - {name: a, clusters: [dev-a]}\n    - {name: a}\n", "spec.rings.1.name \"a\" is also the name"},
		"not a name":              {"    - {name: A b}\n", "spec.rings.0.name"},
		"all left, not the last":  {"    - {name: a}\n    - {name: b, clusters: [prod]}\n", "spec.rings.0 takes all clusters that are left"},
		"not a pattern":           {"    - {name: a, clusters: ['dev-[']}\n    - {name: b}\n", "spec.rings.0.clusters.0 \"dev-[\" is not a pattern"},
		"not a duration":          {"    - {name: a, clusters: [prod]}\n    - {name: b, soak: 3w}\n", "spec.rings.1.soak \"3w\""},
		"a first ring that waits": {"    - {name: a, soak: 1h}\n", "spec.rings.0.soak is how long the ring before"},
		"clusters in no ring":     {"    - {name: a, clusters: [prod]}\n", "warning: spec.rings take no cluster of the name dev-a, dev-b"},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := ringsOf(t, test.rings)
			if !strings.Contains(findings, test.want) || !strings.Contains(findings, "["+string(RuleRing)+"]") {
				t.Errorf("%s\nwant %q", findings, test.want)
			}
		})
	}
}
