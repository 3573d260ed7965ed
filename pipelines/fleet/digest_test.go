package fleet

import (
	"math/rand"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/layout"
)

func digest(t *testing.T, files map[string]string) string {
	t.Helper()
	d, err := sound(t, files).Clusters[0].Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDigest(t *testing.T) {
	base := map[string]string{"a/spec.yaml": specOf("a", "{values: {x: 1, y: {z: 2}}}")}
	before := digest(t, base)
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(before) {
		t.Fatalf("digest %q", before)
	}
	for _, tt := range []struct {
		name, fleet, spec string
		same              bool
	}{
		{"another order and a comment", goodFleet, "{values: {y: {z: 2}, x: 1}} # why", true},
		{"a default written out", goodFleet, "{namespace: a, values: {x: 1, y: {z: 2}}}", true},
		{"from the fleet's defaults", goodFleet + "  defaults: {values: {x: 1}}\n", "{values: {y: {z: 2}}}", true},
		{"one more project", goodFleet + "  argocd: {projects: [default, other]}\n", "{values: {x: 1, y: {z: 2}}}", true},
		{"a value", goodFleet, "{values: {x: 1, y: {z: 3}}}", false},
		{"a null", goodFleet, "{values: {x: 1, y: {z: 2, n: null}}}", false},
		{"the host's version", strings.Replace(goodFleet, "1.34", "1.35", 1), "{values: {x: 1, y: {z: 2}}}", false},
		{"the repository", strings.Replace(goodFleet, "acme", "acne", 1), "{values: {x: 1, y: {z: 2}}}", false},
		{"Argo CD's namespace", goodFleet + "  argocd: {namespace: cd}\n", "{values: {x: 1, y: {z: 2}}}", false},
	} {
		after := digest(t, map[string]string{layout.Fleet: tt.fleet, "a/spec.yaml": specOf("a", tt.spec)})
		if (after == before) != tt.same {
			t.Errorf("%s: same digest %v", tt.name, after == before)
		}
	}
}

// The order in which a disk lists the folders changes nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	bodies := []string{"{namespace: x}", "{namespace: x}", "{ingress: {enabled: true, host: h.example.com}}", "{ingress: {enabled: true, host: h.example.com}}", "{server: 'https://h.example.com:443'}", "{bad: 1}"}
	run := func(order []int) (names []string, findings string) {
		f := &Fleet{Dir: "clusters", File: "clusters/fleet.yaml"}
		var specs []*source
		for _, i := range order {
			name := string(rune('a' + i))
			specs = append(specs, parse("clusters/"+name+"/spec.yaml", name, []byte(specOf(name, bodies[i])), schemaOfSpec()))
		}
		found := tidy(f.assemble(parse(f.File, "", []byte(goodFleet), schemaOfFleet()), specs))
		return f.Names(), string(text(found))
	}
	random := rand.New(rand.NewSource(1))
	names, findings := run([]int{0, 1, 2, 3, 4, 5})
	if !strings.Contains(findings, string(RuleDuplicateServer)) {
		t.Fatalf("findings:\n%s", findings)
	}
	for range 50 {
		gotNames, gotFindings := run(random.Perm(len(bodies)))
		if diff := cmp.Diff(names, gotNames) + cmp.Diff(findings, gotFindings); diff != "" {
			t.Fatal(diff)
		}
	}
}
