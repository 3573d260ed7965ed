package cache

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"sync"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// Built knows which clusters this very program has built, from what, with what
// result, so that a build need not do it again. It is believed only together with the
// lock, and the lock only together with every file's content. The nil Built knows nothing
// and keeps nothing.
type Built struct {
	file *File
	// base is the digest of what all clusters are built with.
	base string
	mu   sync.Mutex
	// kept is when the file was last written.
	kept time.Time
}

// keepEvery is how much of a long build may be lost where it is killed.
const keepEvery = 5 * time.Second

// Entry is what is known of one cluster.
type Entry struct {
	// Source is of the texts and the chart: while it is the same, so are the inputs.
	Source string `json:"source"`
	// Digest is Built.Digest of the lock that the build wrote.
	Digest string `json:"digest"`
	// Sealed says that there is something sealed among its files.
	Sealed bool `json:"sealed,omitempty"`
	// Outside are its objects that other clusters could bring, too, and Hosts the DNS
	// names that they have routed.
	Outside []manifest.Claim `json:"outside,omitempty"`
	Hosts   []string         `json:"hosts,omitempty"`
	// Findings are what the stages said of it, and Text the digest of the files
	// that they point into; empty where they said nothing.
	Findings finding.List `json:"findings,omitempty"`
	Text     string       `json:"text,omitempty"`
}

// NewBuilt returns what the file knows of clusters that are built; nil for no file. base is
// the digest of what all clusters are built with, and clusters are their names.
func NewBuilt(file *File, base string, clusters []string) *Built {
	if file == nil {
		return nil
	}
	for _, name := range clusters {
		_, _ = file.Has(entryOf+name), file.Has(lockOf+name) // what a run on named clusters leaves alone is kept
	}
	return &Built{file: file, base: base, kept: time.Now()}
}

// The keys of a cluster's entry, and of its lock, begin with these.
const (
	entryOf = "cluster "
	lockOf  = "lock "
)

// Lock returns the lock of a cluster as it was when the entry was put; nil where there is
// none.
func (b *Built) Lock(cluster string) *lockfile.Lock {
	var lock lockfile.Lock
	if b == nil || !b.file.Get(lockOf+cluster, &lock) {
		return nil
	}
	return &lock
}

// PutLock notes the lock that a cluster's entry is of.
func (b *Built) PutLock(cluster string, lock *lockfile.Lock) {
	if b != nil {
		b.file.Put(lockOf+cluster, lock)
	}
}

// Get returns the entry of a cluster; nil where there is none.
func (b *Built) Get(cluster string) *Entry {
	var e Entry
	if b == nil || !b.file.Get(entryOf+cluster, &e) {
		return nil
	}
	return &e
}

// Put notes a cluster's entry, and writes the file now and then.
func (b *Built) Put(cluster string, e *Entry) {
	if b == nil {
		return
	}
	b.file.Put(entryOf+cluster, e)
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.kept) > keepEvery {
		b.file.Keep()
		b.kept = time.Now()
	}
}

// Digest returns the digest of what all clusters are built with, of what those of its
// host are, and of the lock's own bytes: one with a comment more is not the lock that a
// build wrote.
func (b *Built) Digest(lock *lockfile.Lock, host string) string {
	return manifest.Digest([]byte(b.base + "\n" + host + "\n" + lock.Text))
}

// program tells this program from any other build of it: by the build ID
// that Go's linker put into it, else by its content.
var program = sync.OnceValues(func() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "linux" {
		path = "/proc/self/exe" // what runs, even where its file was replaced meanwhile
	}
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		if note := f.Section(".note.go.buildid"); note != nil {
			if id, err := note.Data(); err == nil && len(id) > 40 {
				return manifest.Digest(id), nil
			}
		}
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
})
