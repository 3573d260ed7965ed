package cache

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// Built knows which clusters this very program has built, from what, with what
// result, so that a build need not do it again. It is a file for each repository. It
// is believed only together with the lock, and the lock only together with every
// file's content. The nil Built knows nothing and keeps nothing.
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

// OpenBuilt opens the file in the folder for the repository at root with the clusters
// folder dir, as this program left it. base is the digest of what all clusters are
// built with, and clusters are their names. It is nil where folder is empty, or where
// it is not known which program this is.
func OpenBuilt(folder, root, dir, base string, clusters []string) *Built {
	self, err := program()
	if err != nil || folder == "" {
		return nil
	}
	where := sha256.Sum256([]byte(root + "\x00" + dir))
	b := &Built{file: Open(filepath.Join(folder, "built", hex.EncodeToString(where[:])), self), base: base, kept: time.Now()}
	for _, name := range clusters {
		b.file.Get(name) // what a run on named clusters leaves alone is kept
	}
	return b
}

// Get returns the entry of a cluster, and whether there is one.
func (b *Built) Get(cluster string) (Entry, bool) {
	var e Entry
	if b == nil {
		return e, false
	}
	data, ok := b.file.Get(cluster)
	return e, ok && json.Unmarshal(data, &e) == nil
}

// Put notes a cluster's entry, and writes the file now and then.
func (b *Built) Put(cluster string, e Entry) {
	data, err := json.Marshal(e)
	if b == nil || err != nil {
		return
	}
	b.file.Put(cluster, data)
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Since(b.kept) > keepEvery {
		b.file.Keep()
		b.kept = time.Now()
	}
}

// Keep writes the file, where there is anything new. What cannot be written is not
// kept.
func (b *Built) Keep() {
	if b != nil {
		b.file.Keep()
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
