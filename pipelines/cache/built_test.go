package cache

import (
	"testing"

	"kasou/pipelines/lockfile"
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
