package pipelines

import (
	"testing"

	"kasou/pipelines/lockfile"
)

// Whatever stands in a lock is in its digest, also what says nothing.
func TestMemoryDigestIsOverTheLocksBytes(t *testing.T) {
	seen := map[string]string{}
	note := func(what string, m *memory, text string) {
		t.Helper()
		lock, err := lockfile.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		digest := m.digest(lock)
		if other, taken := seen[digest]; taken {
			t.Errorf("%s and %s are the same to the memory", what, other)
		}
		seen[digest] = what
	}
	const text = "apiVersion: kasou/v1\nkind: Lock\nchart: {}\ninputs: a\n"
	m := &memory{base: "base"}
	note("the lock", m, text)
	note("another base", &memory{base: "other"}, text)
	note("another input", m, text+"host:\n  serviceCIDR: 10.0.0.0/8\n")
	note("a comment", m, text+"# x\n")
	note("another form", m, text+"\n")
}
