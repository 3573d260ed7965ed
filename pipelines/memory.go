package pipelines

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"kasou/pipelines/extra"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
	"kasou/pipelines/recall"
	"kasou/pipelines/seal"
	"kasou/pipelines/toolchain"
)

// memory knows which clusters this very program has built, from what, with what
// result, so that Build need not do it again. It is a file in the cache, one for
// each repository: losing it costs time and nothing else. It is believed only
// together with the lock, and the lock only together with every file's content.
type memory struct {
	// file has a memo for each cluster.
	file *recall.File
	// base is the digest of what all clusters are built with.
	base string
	mu   sync.Mutex
	// kept is when the file was last written.
	kept time.Time
}

// keepEvery is how much of a long build may be lost where it is killed.
const keepEvery = 5 * time.Second

// memo is what the memory holds of one cluster.
type memo struct {
	// Source is of the texts and the chart: while it is the same, so are the inputs.
	Source string `json:"source"`
	// Digest is of what it was built with, and of its lock, which has the digest of
	// its inputs.
	Digest string `json:"digest"`
	// Sealed says that there is something sealed among its files.
	Sealed bool `json:"sealed,omitempty"`
	// Findings are what the stages said of it, and Text the digest of the files
	// that they point into; empty where they said nothing.
	Findings finding.List `json:"findings,omitempty"`
	Text     string       `json:"text,omitempty"`
}

// recall opens the file of that kind for the repository, as this very program
// left it. It is nil, which remembers nothing, where there is to be none.
func (o Options) recall(kind string) *recall.File {
	self, err := selfDigest()
	if err != nil || o.NoCache || o.Cache == "" {
		return nil
	}
	where := sha256.Sum256([]byte(o.Root + "\x00" + o.Dir))
	return recall.Open(filepath.Join(o.Cache, kind, hex.EncodeToString(where[:])), self)
}

// openMemory gives the memory for the run's repository, empty where there is
// none yet. Nil, which remembers nothing, where it cannot be kept.
func (r *run) openMemory() *memory {
	m := &memory{file: r.recall("built"), base: r.base(), kept: time.Now()}
	if m.file == nil {
		return nil
	}
	for i := range r.fleet.Clusters {
		m.file.Get(r.fleet.Clusters[i].Name) // what a run on named clusters leaves alone is kept
	}
	return m
}

// base gives the digest of what all clusters are built with.
func (r *run) base() string {
	h := sha256.New()
	field := func(text string) { fmt.Fprintf(h, "%d %s\n", len(text), text) }
	field(r.Toolchain.Name())
	versions := r.Toolchain.Versions()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		field(name + " " + versions[name])
	}
	for _, location := range r.schemas.Locations() {
		field(location) // its folder is named by its content
	}
	if r.certificate != nil {
		field(r.certificate.Fingerprint)
	}
	field(r.SealKey)
	if r.fleet.Spec.Sealing != nil {
		field(r.fleet.Spec.Sealing.PublicKey)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// selfDigest tells this program from any other build of it: by the build ID
// that Go's linker put into it, else by its content.
var selfDigest = sync.OnceValues(func() (string, error) {
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

// forgettable says that a cluster's outcome depends on more than its inputs: on
// other clusters, or on values that only the run has.
func (r *run) forgettable(c fleet.Cluster) bool {
	return c.Spec.ShareNamespace || len(c.Spec.ValuesFrom) > 0
}

// unchanged says whether the cluster is as this program built it: from the same
// inputs, with every file that its lock lists there and as it was. The findings
// are those of that build.
func (r *run) unchanged(c fleet.Cluster, ch toolchain.Chart, extras extra.Extras, lock *lockfile.Lock) (finding.List, bool) {
	if r.memory == nil || lock == nil || r.forgettable(c) || r.trust.RolledBack(c.Name, lock) {
		return nil, false
	}
	var known memo
	noted, ok := r.memory.file.Get(c.Name)
	if !ok || json.Unmarshal(noted, &known) != nil || known.Digest != r.memory.digest(lock) ||
		len(known.Findings) > 0 && known.Text != c.TextDigest() {
		return nil, false
	}
	now := source(c, ch, extras)
	if now != known.Source {
		// Other texts may mean the same.
		if built, err := inputs(c, ch, extras); err != nil || built != lock.Inputs {
			return nil, false
		}
	}
	intact, err := r.disk.Intact(c.Name, *lock)
	if err != nil || !intact {
		return nil, false
	}
	if now != known.Source {
		known.Source = now
		r.memory.note(c.Name, known)
	}
	if known.Sealed {
		r.sealedAny.Store(true)
	}
	return known.Findings, true
}

// source gives the digest of what the inputs are read from.
func source(c fleet.Cluster, ch toolchain.Chart, extras extra.Extras) string {
	return manifest.Digest([]byte(c.TextDigest() + "\n" + ch.Digest + "\n" + extras.Digest()))
}

// repeats says whether a stage will find the same again as long as its inputs
// are the same. What sealing, the cache or the disk gives rise to is found once.
func repeats(f finding.Finding) bool {
	stage, _ := f.Rule.Stage()
	return stage.Repeats()
}

// remember notes that the cluster was built, is on disk as its lock says, and
// would be built the same again.
func (r *run) remember(c fleet.Cluster, w written) {
	if r.memory == nil || r.DryRun || !w.usable() || !w.lasting || r.forgettable(c) ||
		slices.ContainsFunc(w.findings, func(f finding.Finding) bool { return !repeats(f) }) {
		return
	}
	lock, findings, err := r.disk.ReadLock(c.Name)
	if err != nil || lock == nil || len(findings) > 0 || lock.Inputs != w.inputs {
		return
	}
	noted := memo{Source: w.source, Digest: r.memory.digest(lock), Findings: w.findings, Sealed: w.sealed}
	if len(noted.Findings) > 0 {
		noted.Text = c.TextDigest()
	}
	r.memory.note(c.Name, noted)
}

// note takes a cluster's memo, and writes the file now and then.
func (m *memory) note(cluster string, noted memo) {
	data, err := json.Marshal(noted)
	if err != nil {
		return
	}
	m.file.Put(cluster, data)
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.kept) > keepEvery {
		m.file.Keep()
		m.kept = time.Now()
	}
}

// lasting says whether no sealed value among the files is due to be sealed anew
// one day, which is so while all are sealed with today's certificate.
func (r *run) lasting(files manifest.Set) bool {
	for _, f := range files {
		if f.Role != manifest.Sealed && f.Role != manifest.Registration {
			continue
		}
		for _, certificate := range seal.Certificates(f.Documents) {
			if r.certificate == nil || certificate != r.certificate.Fingerprint {
				return false
			}
		}
	}
	return true
}

// keep writes the memory, where it holds anything new. A memory that cannot be
// written is none.
func (m *memory) keep() {
	if m != nil {
		m.file.Keep()
	}
}
