package fleet

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kasou/pipelines/finding"
	"kasou/pipelines/recall"
)

// remembering loads with what the file at path holds.
func remembering(t *testing.T, root, path string) (*Fleet, finding.List) {
	t.Helper()
	f, findings, err := Load(root, "clusters", Remembering(recall.Open(path, "test")))
	if err != nil {
		t.Fatal(err)
	}
	return f, findings
}

// same holds two fleets to each other, with all that a digest or a finding can
// come from.
func same(t *testing.T, when string, got, want *Fleet, gotFindings, wantFindings finding.List) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Fleet{}, Cluster{})); d != "" {
		t.Errorf("%s: another fleet:\n%s", when, d)
	}
	if got, want := text(gotFindings), text(wantFindings); !bytes.Equal(got, want) {
		t.Errorf("%s: findings\n%s\nwant\n%s", when, got, want)
	}
	for i, c := range got.Clusters {
		a, err := c.Digest()
		b, err2 := want.Clusters[i].Digest()
		if a != b || err != nil || err2 != nil {
			t.Errorf("%s: %s has another digest", when, c.Name)
		}
		at := []string{"spec", "ingress", "className"}
		if got, want := c.Finding(finding.Note, "x", at, "", ""), want.Clusters[i].Finding(finding.Note, "x", at, "", ""); got != want {
			t.Errorf("%s: a finding at %s, want %s", when, got.Position(), want.Position())
		}
		if c.TextDigest() != want.Clusters[i].TextDigest() {
			t.Errorf("%s: %s has another text", when, c.Name)
		}
	}
}

// Whatever the files hold, a memory changes neither the fleet nor a finding.
func TestRememberedFleetsAreTheSame(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/clusters")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases in testdata", err)
	}
	for _, c := range cases {
		root := absolute(t, filepath.Dir(c))
		t.Run(filepath.Base(root), func(t *testing.T) {
			want, wantFindings := load(t, root)
			memory := filepath.Join(t.TempDir(), "specs")
			for _, when := range []string{"at first", "from memory"} {
				got, findings := remembering(t, root, memory)
				same(t, when, got, want, findings, wantFindings)
			}
		})
	}
}

func TestRememberedSpecFollowsItsSources(t *testing.T) {
	spec := "{ingress: {enabled: true, host: a.example.com}, values: {big: 12345678901234567890, none: null, text: \"<&>\", list: [1, 2.50]}}"
	root := repo(t, map[string]string{"a/spec.yaml": "\ufeff# said\n" + specOf("a", spec), "b/spec.yaml": specOf("b", "{}")})
	memory := filepath.Join(t.TempDir(), "specs")
	check := func(when string) {
		t.Helper()
		want, wantFindings := load(t, root)
		got, findings := remembering(t, root, memory)
		same(t, when, got, want, findings, wantFindings)
	}
	put := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(root, "clusters", filepath.FromSlash(name)), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	check("at first")
	check("again")
	put("fleet.yaml", goodFleet+"  defaults: {ingress: {className: nginx}, chart: {path: charts/other}}\n")
	check("with defaults")
	put("fleet.yaml", goodFleet+"  defaults: {ingress: {className: other}, values: {big: 1, deep: {x: y}}}\n")
	check("with other defaults")
	put("fleet.yaml", "# moved\n"+goodFleet+"  defaults: {ingress: {className: other}, values: {big: 1, deep: {x: y}}}\n")
	check("with defaults in another line")
	put("b/spec.yaml", specOf("b", "{ingress: {enabled: true, host: A.example.com}}"))
	check("with the host of another")
	put("b/spec.yaml", specOf("c", "{ingress: {enabled: true}, nonsense: 1}"))
	check("with an error")
	put("b/spec.yaml", specOf("b", "{ingress: {enabled: true}}"))
	check("with an error that the form allows")
	check("with it once more")
	put("b/spec.yaml", "kind: [")
	check("with what is no YAML")
}

// A memory is believed: this is what tells that the tests above test it.
func TestMemoryIsUsed(t *testing.T) {
	root := repo(t, map[string]string{"a/spec.yaml": specOf("a", "{namespace: one}")})
	memory := filepath.Join(t.TempDir(), "specs")
	remembering(t, root, memory)
	data, err := os.ReadFile(memory)
	if err != nil || !strings.Contains(string(data), `{"name":"a","spec":{"namespace":"one"}}`) {
		t.Fatalf("%v: it is not in the memory:\n%q", err, data)
	}
	text := []byte(specOf("a", "{namespace: one}"))
	m := &specMemory{file: recall.Open(memory, "test")}
	m.under(m.fleet("clusters/fleet.yaml", []byte(goodFleet)))
	if src := m.spec("clusters/a/spec.yaml", "a", text); src.known == nil || src.known.Spec.Namespace != "one" {
		t.Error("it is parsed again")
	}
	other := &specMemory{file: recall.Open(memory, "another program")}
	other.under(other.fleet("clusters/fleet.yaml", []byte(goodFleet)))
	if src := other.spec("clusters/a/spec.yaml", "a", text); src.known != nil {
		t.Error("another program's is believed")
	}
}
