package cache

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// filled returns the path of a file with two entries.
func filled(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "below", "file")
	f := Open(path, "one")
	f.put("a", []byte("first"))
	f.put("b", nil)
	f.Keep()
	return path
}

func has(f *File, key, want string) bool {
	got, ok := f.get(key)
	return ok && string(got) == want
}

func TestWhatIsKeptIsThere(t *testing.T) {
	path := filled(t)
	f := Open(path, "one")
	if !has(f, "a", "first") || !has(f, "b", "") {
		t.Error("it is not")
	}
	if _, ok := f.get("c"); ok {
		t.Error("what was not put is there")
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read it", info.Mode(), err)
	}
}

func TestAnotherOwnersIsNotRead(t *testing.T) {
	path := filled(t)
	for _, owner := range []string{"two", "", "one ", "on"} {
		if has(Open(path, owner), "a", "first") {
			t.Errorf("%q reads it", owner)
		}
	}
}

// Neither a bit that fell over nor an end that is missing gives a wrong value.
func TestDamageIsNotRead(t *testing.T) {
	path := filled(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	empty := func(data []byte) bool {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return len(Open(path, "one").entries) == 0
	}
	for i := range whole {
		bad := bytes.Clone(whole)
		bad[i] ^= 4
		if !empty(bad) {
			t.Errorf("byte %d is another, and it is read", i)
		}
		if !empty(whole[:i]) {
			t.Errorf("it ends after %d bytes, and is read", i)
		}
	}
	if empty(whole) {
		t.Error("whole, it is not read")
	}
}

func TestWhatNobodyAsksForGoes(t *testing.T) {
	path := filled(t)
	f := Open(path, "one")
	f.get("a")
	f.Keep()
	if again := Open(path, "one"); !has(again, "b", "") {
		t.Error("it was written although nothing is new")
	}
	f.put("c", []byte("third"))
	f.Keep()
	again := Open(path, "one")
	if !has(again, "a", "first") || !has(again, "c", "third") {
		t.Error("what is used is gone")
	}
	if _, ok := again.get("b"); ok {
		t.Error("what nobody asked for is still there")
	}
}

func TestTheSameAgainIsNotWritten(t *testing.T) {
	path := filled(t)
	f := Open(path, "one")
	f.put("a", []byte("first"))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	f.Keep()
	if _, err := os.Stat(path); err == nil {
		t.Error("it was written although nothing is new")
	}
}

func TestWithoutAPlaceItWorks(t *testing.T) {
	blocked := filepath.Join(filled(t), "below a file")
	f := Open(blocked, "one")
	f.put("a", []byte("first"))
	f.Keep()
	if !has(f, "a", "first") {
		t.Error("it forgot")
	}
	var none *File
	none.Put("a", nil)
	none.Keep()
	if none.Get("a", new(string)) {
		t.Error("nothing holds something")
	}
}

func TestManyAtOnce(t *testing.T) {
	path := filled(t)
	f := Open(path, "one")
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			f.put(fmt.Sprint(i), []byte{byte(i)})
			f.get("a")
			if i%10 == 0 {
				f.Keep()
			}
		})
	}
	group.Wait()
	f.Keep()
	again := Open(path, "one")
	for i := range 50 {
		if !has(again, fmt.Sprint(i), string([]byte{byte(i)})) {
			t.Fatalf("%d is gone", i)
		}
	}
}
