package cache

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// Whatever stands in a lock is in its digest, also what says nothing.
func TestEntriesAreOfTheLocksBytes(t *testing.T) {
	seen := map[string]string{}
	noteOn := func(what string, b *Built, text, host string) {
		t.Helper()
		lock, err := lockfile.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		digest := b.Digest(lock, host)
		if other, taken := seen[digest]; taken {
			t.Errorf("%s and %s are the same to the cache", what, other)
		}
		seen[digest] = what
	}
	note := func(what string, b *Built, text string) {
		t.Helper()
		noteOn(what, b, text, "host")
	}
	const text = "apiVersion: kasou/v1\nkind: Lock\nchart: {}\ninputs: a\n"
	b := &Built{base: "base"}
	note("the lock", b, text)
	noteOn("another host", b, text, "other")
	note("another base", &Built{base: "other"}, text)
	note("another input", b, text+"host:\n  serviceCIDR: 10.0.0.0/8\n")
	note("a comment", b, text+"# x\n")
	note("another form", b, text+"\n")
}

// An entry comes back as it was put, and one of an older form is as good as none.
func TestEntriesComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	lock, err := lockfile.Parse([]byte("apiVersion: kasou/v1\nkind: Lock\nchart: {digest: a, path: b}\nclusterScoped: [Namespace]\nfiles: {a: sha256:1, b: sha256:2}\n" +
		"inputs: a\nsealed: {a: {kind: rendered, serial: 18446744073709551615, signature: x}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := &Entry{
		Source: "s", Digest: "d", Sealed: true, Text: "t", Hosts: []string{"a.example.com"},
		Outside:  []manifest.Claim{{File: "f"}},
		Findings: finding.List{{File: "f", Line: 2, Rule: "r", Severity: finding.Warning, Message: "\xff is not UTF-8"}},
	}
	f := Open(path, "one")
	NewBuilt(f, "base", nil).Put("dev", want)
	NewBuilt(f, "base", nil).PutLock("dev", lock)
	f.Put(entryOf+"old", map[string]any{"Source": "s", "gone": true})
	f.Keep()
	b := NewBuilt(Open(path, "one"), "base", []string{"dev"})
	if d := cmp.Diff(want, b.Get("dev")); d != "" {
		t.Errorf("another entry came back:\n%s", d)
	}
	if d := cmp.Diff(lock, b.Lock("dev")); d != "" {
		t.Errorf("another lock came back:\n%s", d)
	}
	if b.Get("old") != nil || b.Lock("none") != nil || b.Get("none") != nil {
		t.Error("there is an entry where none is")
	}
}
