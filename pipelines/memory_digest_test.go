package pipelines

import (
	"reflect"
	"testing"

	"kasou/pipelines/tree"
)

// Whatever a lock says is in its digest, each part by itself: a field that is
// added to it as well.
func TestMemoryDigestHasAllOfALock(t *testing.T) {
	lock := &tree.Lock{Files: map[string]string{"a": "b", "c": "d"}}
	seen := map[string]string{}
	note := func(what string, m *memory) {
		t.Helper()
		digest := m.digest(lock)
		if other, taken := seen[digest]; taken {
			t.Errorf("%s and %s are the same to the memory", what, other)
		}
		seen[digest] = what
	}
	m := &memory{base: "base"}
	note("the lock", m)
	note("another base", &memory{base: "other"})
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		old := reflect.New(v.Type()).Elem()
		old.Set(v)
		switch v.Kind() {
		case reflect.String:
			v.SetString("changed")
		case reflect.Bool:
			v.SetBool(!v.Bool())
		case reflect.Struct:
			for i := range v.NumField() {
				walk(path+"."+v.Type().Field(i).Name, v.Field(i))
			}
			return
		case reflect.Map:
			for _, files := range []map[string]string{{"a": "b"}, {"a": "b", "c": "e"}, {"a": "b", "e": "d"}, {"a": "bc", "d": ""}, nil} {
				v.Set(reflect.ValueOf(files))
				note(path, m)
			}
		default:
			t.Fatalf("%s is a %s: the digest has to learn it", path, v.Kind())
		}
		if v.Kind() != reflect.Map {
			note(path, m)
		}
		v.Set(old)
	}
	walk("lock", reflect.ValueOf(lock).Elem())
}
