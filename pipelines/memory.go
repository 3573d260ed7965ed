package pipelines

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/google/renameio/v2"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
)

// memory knows which clusters this very program has built, from what, with what
// result, so that Build need not do it again. It is a file in the cache, one for
// each repository: losing it costs time and nothing else. It is believed only
// together with the lock, and the lock only together with every file's content.
type memory struct {
	file string
	// base is the digest of what all clusters are built with.
	base string
	// fleet is the digest of fleet.yaml's text.
	fleet string
	mu    sync.Mutex
	// old was read, now is to be written, by cluster.
	old, now map[string]memo
}

// memo is what the memory holds of one cluster.
type memo struct {
	// Digest is of everything that its files come from, and of its lock.
	Digest string `json:"digest"`
	// Findings are what the stages said of it, and Text the digest of the files
	// that they point into; empty where they said nothing.
	Findings finding.List `json:"findings,omitempty"`
	Text     string       `json:"text,omitempty"`
}

// openMemory gives the memory for the run's repository, empty where there is
// none yet. Nil, which remembers nothing, where it cannot be kept.
func (r *run) openMemory() *memory {
	self, err := selfDigest()
	if err != nil || r.NoCache {
		return nil
	}
	where := sha256.Sum256([]byte(r.Root + "\x00" + r.Dir))
	m := &memory{
		fleet: tree.Digest(r.committed(r.fleet.File)),
		file:  filepath.Join(r.Cache, "built", hex.EncodeToString(where[:])+".json"),
		old:   map[string]memo{}, now: map[string]memo{},
	}
	h := sha256.New()
	field := func(text string) { fmt.Fprintf(h, "%d %s\n", len(text), text) }
	field(self)
	field(r.Toolchain.Name())
	versions := r.Toolchain.Versions()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		field(name + " " + versions[name])
	}
	for _, location := range r.schemas.Locations {
		field(location) // its folder is named by its content
	}
	if r.certificate != nil {
		field(r.certificate.Fingerprint)
	}
	field(r.SealKey)
	m.base = hex.EncodeToString(h.Sum(nil))
	if data, err := os.ReadFile(m.file); err == nil && json.Unmarshal(data, &m.old) == nil {
		for _, c := range r.fleet.Clusters {
			if known, ok := m.old[c.Name]; ok {
				m.now[c.Name] = known
			}
		}
	}
	return m
}

// selfDigest tells this program from any other build of it: by the build ID
// that Go's linker put into it, else by its content.
func selfDigest() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	if f, err := elf.Open(path); err == nil {
		defer f.Close()
		if note := f.Section(".note.go.buildid"); note != nil {
			if id, err := note.Data(); err == nil && len(id) > 40 {
				return tree.Digest(id), nil
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
}

// digest is what the memory holds of a cluster whose lock is as given.
func (m *memory) digest(inputs string, lock *tree.Lock) (string, error) {
	data, err := json.Marshal(lock) // sorts the keys of maps
	if err != nil {
		return "", err
	}
	return tree.Digest([]byte(m.base + "\n" + inputs + "\n" + tree.Digest(data))), nil
}

// forgettable says that a cluster's outcome depends on more than its inputs: on
// other clusters, or on values that only the run has.
func (r *run) forgettable(c fleet.Cluster) bool {
	return c.Spec.ShareNamespace || len(c.Spec.ValuesFrom) > 0
}

// unchanged says whether the cluster is as this program built it: from the same
// inputs, with every file that its lock lists there and as it was. The findings
// are those of that build.
func (r *run) unchanged(c fleet.Cluster, ch toolchain.Chart, lock *tree.Lock) (finding.List, bool) {
	if r.memory == nil || lock == nil || r.forgettable(c) {
		return nil, false
	}
	built, err := inputs(c, ch)
	if err != nil || built != lock.Inputs {
		return nil, false
	}
	digest, err := r.memory.digest(built, lock)
	known := r.memory.old[c.Name]
	if err != nil || known.Digest != digest || len(known.Findings) > 0 && known.Text != r.text(c) {
		return nil, false
	}
	intact, err := r.disk.Intact(c.Name, *lock)
	return known.Findings, err == nil && intact
}

// text gives the digest of the files that findings about a cluster's inputs
// point into: a comment that moves a line changes no input.
func (r *run) text(c fleet.Cluster) string {
	return tree.Digest([]byte(tree.Digest(r.committed(c.File)) + r.memory.fleet))
}

// repeats says whether a stage will find the same again as long as its inputs
// are the same. What sealing, the cache or the disk gives rise to is found once.
func repeats(f finding.Finding) bool {
	stage, _, _ := strings.Cut(string(f.Rule), "-")
	return slices.Contains([]string{"vcluster", "render", "argocd", "conform"}, stage)
}

// remember notes that the cluster was built, is on disk as its lock says, and
// would be built the same again.
func (r *run) remember(c fleet.Cluster, w written) {
	if r.memory == nil || r.DryRun || !w.usable() || !w.lasting || r.forgettable(c) ||
		slices.ContainsFunc(w.findings, func(f finding.Finding) bool { return !repeats(f) }) {
		return
	}
	lock, findings, err := r.disk.ReadLock(c.Name)
	if err != nil || lock == nil || len(findings) > 0 {
		return
	}
	noted := memo{Findings: w.findings}
	if noted.Digest, err = r.memory.digest(lock.Inputs, lock); err != nil {
		return
	}
	if len(noted.Findings) > 0 {
		noted.Text = r.text(c)
	}
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.memory.now[c.Name] = noted
}

// lasting says whether no sealed value among the files is due to be sealed anew
// one day, which is so while all are sealed with today's certificate.
func (r *run) lasting(files tree.Files) bool {
	for _, data := range files {
		if bytes.Contains(data, []byte("kind: SealedSecret\n")) &&
			(r.certificate == nil || !bytes.Contains(data, []byte(r.certificate.Fingerprint))) {
			return false
		}
	}
	return true
}

// keep writes the memory, where it holds anything new. A memory that cannot be
// written is none.
func (m *memory) keep() {
	if m == nil || maps.EqualFunc(m.old, m.now, func(a, b memo) bool {
		return a.Digest == b.Digest && a.Text == b.Text && slices.Equal(a.Findings, b.Findings)
	}) {
		return
	}
	data, err := json.Marshal(m.now)
	if err != nil || os.MkdirAll(filepath.Dir(m.file), 0o755) != nil {
		return
	}
	_ = renameio.WriteFile(m.file, data, 0o644)
}
