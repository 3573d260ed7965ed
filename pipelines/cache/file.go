// Package cache keeps what this very program has worked out before, so that the next
// run need not. Nothing in such a file is believed that is not whole and this
// program's own: losing it costs time and nothing else.
package cache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	cbor "k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
)

// File is values by their keys, in the form in which Kubernetes keeps objects in etcd
// (CBOR): a whole number stays one. It is safe for concurrent use. A nil File holds
// nothing and keeps nothing.
type File struct {
	path string
	// head is what the file begins with where it is this program's.
	head []byte
	mu   sync.RWMutex
	// entries are those that were read and those that were put since.
	entries map[string]*entry
	// changed says that an entry was put that the file on disk lacks.
	changed atomic.Bool
}

type entry struct {
	value []byte
	// used says that it was asked for or put.
	used atomic.Bool
}

// format is of the file: another one has another number.
const format = "kasou cache 3\n"

// OpenFor opens the file in the folder for the repository at root with the clusters folder
// dir, as this very program left it. It is nil where folder is empty, or where it is not
// known which program this is.
func OpenFor(folder, root, dir string) *File {
	self, err := program()
	if err != nil || folder == "" {
		return nil
	}
	where := sha256.Sum256([]byte(root + "\x00" + dir))
	return Open(filepath.Join(folder, "built", hex.EncodeToString(where[:])), self)
}

// Open reads the file at path, which is empty where there is none, where it is
// not whole, or where it is of another owner: whatever the values depend on
// beside their keys, the program that makes them above all.
func Open(path, owner string) *File {
	f := &File{path: path, entries: map[string]*entry{}}
	f.head = appendField([]byte(format), []byte(owner))
	data, err := os.ReadFile(path)
	if err != nil || len(data) < sha256.Size {
		return f
	}
	body := data[:len(data)-sha256.Size]
	records, ours := bytes.CutPrefix(body, f.head)
	if sum := sha256.Sum256(body); !ours || !bytes.Equal(sum[:], data[len(body):]) {
		return f
	}
	f.entries = decode(records)
	return f
}

// Get fills into, a pointer, with the value of the key, and reports whether there is one.
func (f *File) Get(key string, into any) bool {
	value, ok := f.get(key)
	return ok && cbor.Unmarshal(value, into) == nil
}

// Has reports whether there is a value of the key.
func (f *File) Has(key string) bool {
	_, ok := f.get(key)
	return ok
}

// Put sets the value of a key.
func (f *File) Put(key string, value any) {
	if f == nil {
		return
	}
	if data, err := cbor.Marshal(value); err == nil {
		f.put(key, data)
	}
}

// get returns the value of the key, which is not to be changed.
func (f *File) get(key string) ([]byte, bool) {
	if f == nil {
		return nil, false
	}
	f.mu.RLock()
	e := f.entries[key]
	f.mu.RUnlock()
	if e == nil {
		return nil, false
	}
	e.used.Store(true)
	return e.value, true
}

// put sets the value of a key, which is not to be changed afterwards.
func (f *File) put(key string, value []byte) {
	e := &entry{value: value}
	e.used.Store(true)
	f.mu.Lock()
	defer f.mu.Unlock()
	if old := f.entries[key]; old == nil || !bytes.Equal(old.value, value) {
		f.changed.Store(true)
	}
	f.entries[key] = e
}

// Keep writes all that was asked for or put since Open, where any of it is new.
// What cannot be written is not kept.
func (f *File) Keep() {
	if f == nil || !f.changed.Swap(false) {
		return
	}
	if replace(f.path, f.encode()) != nil {
		f.changed.Store(true)
	}
}
