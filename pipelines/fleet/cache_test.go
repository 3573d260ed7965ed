package fleet

import (
	"bytes"
	"crypto/sha256"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"kasou/pipelines/cache"
	"kasou/pipelines/finding"
)

// cached holds a repository to itself, read without a cache, into one, and out of it, with
// all that a digest or a finding can come from.
func cached(t *testing.T, when, root, file string) {
	t.Helper()
	want, found, err := Load(root, "clusters")
	if err != nil {
		t.Fatal(err)
	}
	for _, how := range []string{"into the cache", "from the cache"} {
		f := cache.Open(file, "test")
		got, gotFound, err := Load(root, "clusters", WithCache(f, true))
		f.Keep()
		if err != nil || !bytes.Equal(text(gotFound), text(found)) {
			t.Errorf("%s, %s: %v, found\n%s\nwant\n%s", when, how, err, text(gotFound), text(found))
		}
		if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Fleet{}, Cluster{}), cmpopts.IgnoreFields(Fleet{}, "Cached")); d != "" {
			t.Errorf("%s, %s: another fleet:\n%s", when, how, d)
		}
		for i, c := range want.Clusters {
			other := got.Clusters[i]
			a, errA := c.Digest()
			b, errB := other.Digest()
			if a != b || errA != nil || errB != nil || c.TextDigest() != other.TextDigest() {
				t.Errorf("%s, %s: %s has another digest", when, how, c.Name)
			}
			for _, at := range [][]string{{"spec", "ingress", "host"}, {"spec", "values", "a"}, {"spec", "chart"}} {
				if a, b := c.Finding(finding.Note, "x", at, "", ""), other.Finding(finding.Note, "x", at, "", ""); a != b {
					t.Errorf("%s, %s: a finding at %s, want %s", when, how, b.Position(), a.Position())
				}
			}
		}
	}
}

func TestCachedFleetsAreTheSame(t *testing.T) {
	cases, err := filepath.Glob("testdata/*/clusters")
	if err != nil || len(cases) == 0 {
		t.Fatal("no cases in testdata", err)
	}
	for _, c := range cases {
		root := absolute(t, filepath.Dir(c))
		cached(t, filepath.Base(root), root, filepath.Join(t.TempDir(), "file"))
	}
}

// A text that is another by a byte, or that stands in another file or under other defaults,
// is not taken for the one that was read.
func TestCachedSpecsFollowTheirTexts(t *testing.T) {
	values := `{big: 12345678901234567890, small: -9223372036854775808, whole: 1.0, none: null, "1": yes, text: "<&>\u2028", list: [1, 2.50, -0.0, 1e3], empty: {}}`
	spec := "{ingress: {enabled: true, host: a.example.com}, values: " + values + "}"
	root := repo(t, map[string]string{"a/spec.yaml": "\ufeff# said\n" + specOf("a", spec), "b/spec.yaml": specOf("b", "{}")})
	file := filepath.Join(t.TempDir(), "file")
	check := func(when, name, content string) {
		t.Helper()
		write(t, filepath.Join(root, "clusters", filepath.FromSlash(name)), []byte(content))
		cached(t, when, root, file)
	}
	check("at first", "b/spec.yaml", specOf("b", "{}"))
	check("defaults", "fleet.yaml", goodFleet+"  defaults: {ingress: {className: nginx}, values: {big: 1, deep: {x: y}}}\n")
	check("defaults one line down", "fleet.yaml", "# moved\n"+goodFleet+"  defaults: {ingress: {className: nginx}, values: {big: 1, deep: {x: y}}}\n")
	check("another's text", "b/spec.yaml", "\ufeff# said\n"+specOf("a", spec))
	check("another's host", "b/spec.yaml", specOf("b", "{ingress: {enabled: true, host: A.example.com}}"))
	check("an error of form", "b/spec.yaml", specOf("b", "{ingress: {enabled: true}, nonsense: 1}"))
	check("an error of meaning", "b/spec.yaml", specOf("b", "{ingress: {enabled: true}}"))
	check("merged", "b/spec.yaml", "apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: b}\nspec:\n  values: {x: &x {a: 1, b: 2}, y: {<<: *x, a: 3}}\n")
	check("a fleet for a spec", "b/spec.yaml", goodFleet)
	check("no YAML", "b/spec.yaml", "kind: [")
}

// What the cache has of a text is what Load goes by.
func TestTheCacheIsAsked(t *testing.T) {
	content := specOf("a", "{values: {a: 1}}")
	root := repo(t, map[string]string{"a/spec.yaml": content})
	f := cache.Open(filepath.Join(t.TempDir(), "file"), "test")
	if _, found, err := Load(root, "clusters", WithCache(f, true)); err != nil || len(found) > 0 {
		t.Fatal(found, err)
	}
	sum := sha256.Sum256([]byte(content))
	key := "spec " + string(sum[:])
	var raw map[string]any
	if !f.Get(key, &raw) {
		t.Fatal("the spec was not put there")
	}
	raw["spec"] = map[string]any{"values": map[string]any{"a": int64(2)}}
	f.Put(key, raw)
	plain, _ := load(t, root)
	got, _, err := Load(root, "clusters", WithCache(f, true))
	if err != nil || got.Clusters[0].Spec.Values["a"] == plain.Clusters[0].Spec.Values["a"] {
		t.Errorf("%v: it was read anew", err)
	}
}
