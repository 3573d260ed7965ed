package pipelines_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/internal/fleettest"
	"kasou/pipelines"
	"kasou/pipelines/manifest"
	"kasou/pipelines/report"
	"kasou/pipelines/tree"
)

// strange are paths and digests for a lock.
var (
	strangePaths = []string{"a/spec.yaml", "a/extra/own.yaml", "a/notes.md", "b/values.yaml", "root/b.yaml", "root/a.yaml", "../outside", "/etc/passwd", "", ".", "a", "a/manifests",
		"a/manifests/", "a//manifests/x.yaml", "a/manifests/../spec.yaml", "a/manifests/.git/config", "a/manifests/x.yaml", "fleet.yaml", "a/manifests/\n.yaml", "bootstrap/x.yaml", "bootstrap/root.yaml", "A/values.yaml"}
	strangeDigests = []string{"", "sha256:", "sha256:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("G", 64), "md5:0", "~", "🙂"}
	lockKeys       = []string{"chart", "clusterScoped", "files", "host", "inputs", "replaced", "replacedSealed", "sealed", "writing", "tools", "schemas", "kind", "apiVersion", "odd"}
)

// lockMutant changes what a lock says, or the form in which it says it.
type lockMutant struct {
	person
	t    *testing.T
	repo fleettest.Repo
	// all are the texts of the locks, by path from the repo's root.
	all map[string]string
}

// said returns the lock as it is after a change of what it says.
func (m lockMutant) said(file string) map[string]any {
	lock, other := map[string]any{}, map[string]any{}
	_, _ = yaml.Unmarshal([]byte(m.all[file]), &lock), yaml.Unmarshal([]byte(m.all[m.lock()]), &other)
	files, _ := lock["files"].(map[string]any)
	others, _ := other["files"].(map[string]any)
	one, two := m.keyOf(files), m.keyOf(files)
	switch key := lockKeys[m.IntN(len(lockKeys))]; m.IntN(9) {
	case 0:
		files[one], files[two] = files[two], files[one]
	case 1:
		delete(files, one)
	case 2, 3:
		files[strangePaths[m.IntN(len(strangePaths))]] = m.digest(files, one)
	case 4:
		moved := m.keyOf(others)
		files[moved] = others[moved]
	case 5:
		lock[key] = other[key]
	case 6:
		lock[key] = m.like(nil)
	case 7:
		lock["writing"], lock["replaced"] = true, map[string]any{one: files[two], strangePaths[m.IntN(len(strangePaths))]: m.digest(files, two)}
	default:
		if chart, ok := lock["chart"].(map[string]any); ok {
			chart[[]string{"digest", "name", "path", "repository", "version", "odd"}[m.IntN(6)]] = []any{m.text(), m.digest(files, one), nil, "charts/c"}[m.IntN(4)]
		} else {
			delete(lock, key)
		}
	}
	return lock
}

func (m lockMutant) lock() string {
	all := slices.Sorted(maps.Keys(m.all))
	return all[m.IntN(len(all))]
}

func (m lockMutant) keyOf(files map[string]any) string {
	all := slices.Sorted(maps.Keys(files))
	return all[m.IntN(len(all))]
}

// digest returns one that fits nothing, or another file.
func (m lockMutant) digest(files map[string]any, of string) any {
	switch m.IntN(3) {
	case 0:
		return files[of]
	case 1: // the right one, of what a person wrote
		return manifest.Digest(m.repo.Read(m.t, "clusters/a/extra/own.yaml"))
	}
	return strangeDigests[m.IntN(len(strangeDigests))]
}

// form returns the lock in another form, which says the same, or nothing any more.
func (m lockMutant) form(text []byte) []byte {
	lines := bytes.SplitAfter(text, []byte("\n"))
	at := m.IntN(len(lines))
	switch m.IntN(12) {
	case 0: // JSON
		if data, err := yaml.YAMLToJSON(text); err == nil {
			return data
		}
	case 1:
		return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	case 2:
		return append([]byte("\ufeff"), text...)
	case 3:
		return text[:m.IntN(len(text)+1)]
	case 4:
		return slices.Concat(text, []byte("---\n"), text)
	case 5:
		return slices.Concat([]byte("<<<<<<< HEAD\n"), text, []byte("=======\n"), text, []byte(">>>>>>> main\n"))
	case 6:
		return slices.Concat(bytes.Join(lines[:at], nil), []byte("# a note\n"), bytes.Join(lines[at:], nil))
	case 7: // a line twice
		return slices.Concat(bytes.Join(lines[:at], nil), lines[at], bytes.Join(lines[at:], nil))
	case 8: // two lines swapped
		lines = slices.Clone(lines)
		lines[0], lines[at] = lines[at], lines[0]
		return bytes.Join(lines, nil)
	case 9:
		text = bytes.Clone(text)
		text[m.IntN(len(text))] = byte(m.IntN(256))
		return text
	case 10:
		return bytes.Replace(text, []byte("files:"), []byte("files: &f\n  <<: {a/values.yaml: b}\nother: *f\nfiles:"), 1)
	}
	return bytes.Replace(text, []byte(": "), []byte(" : !!str "), 1)
}

// damage changes one lock, and returns its path.
func (m lockMutant) damage() string {
	t := m.t
	file := m.lock()
	at := filepath.Join(m.repo.Root, filepath.FromSlash(file))
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	if m.oneIn(15) {
		switch m.IntN(3) {
		case 0:
			m.repo.Write(t, file+"/mine", []byte("a person's"))
		case 1:
			if err := os.Symlink(filepath.Join(m.repo.Root, "clusters/a/spec.yaml"), at); err != nil {
				t.Fatal(err)
			}
		}
		return file
	}
	text := []byte(m.all[file])
	if !m.oneIn(3) {
		var err error
		if text, err = yaml.Marshal(m.said(file)); err != nil {
			text, _ = json.Marshal(m.said(file)) // of U+0085
		}
		text = append([]byte("# Written by kasou. Do not edit.\n"), text...)
	}
	if m.oneIn(3) && len(text) > 0 {
		text = m.form(text)
	}
	m.repo.Write(t, file, text)
	return file
}

// Whatever becomes of a lock, check says so; a build mends it or says where it is and what
// to do; what a person wrote stays as it is, and with the lock from git all is as it was.
func TestAnyLock(t *testing.T) {
	repo := smallCharts(t)
	for name, chart := range map[string]string{"a": "vcluster", "b": "c", "c": "vcluster"} {
		repo.Cluster(t, name, "  chart: {path: charts/"+chart+"}\n")
		repo.Write(t, "clusters/"+name+"/extra/own.yaml", []byte(extraPolicy))
		repo.Write(t, "clusters/"+name+"/notes.md", []byte("# "+name+"\n"))
	}
	repo.Write(t, ".gitignore", []byte(".cache\n"))
	options := built(t, repo)
	repo.Commit(t)
	before := filesOf(t, repo)
	locks := map[string]string{}
	for file, text := range before {
		if strings.HasSuffix(file, "lock.yaml") {
			locks["clusters/"+file] = text
		}
	}
	forSeeds(t, 40, func(t *testing.T, p person) {
		damaged := map[string]bool{}
		for range 1 + p.IntN(2) {
			damaged[(lockMutant{p, t, repo, locks}).damage()] = true
		}
		mended(t, repo, options, before, damaged)
		restore(t, repo, before)
		fleettest.MustPass(t, pipe(t, pipelines.Build, options), nil)
		if files := differing(before, filesOf(t, repo)); len(files) > 0 {
			t.Fatalf("with the locks of before, a build changes %v", files)
		}
		restore(t, repo, before)
	})
}

// mended checks and builds the fleet whose locks are damaged.
func mended(t *testing.T, repo fleettest.Repo, options pipelines.Options, before map[string]string, damaged map[string]bool) {
	t.Helper()
	now := filesOf(t, repo)
	for file := range damaged {
		if inside := strings.TrimPrefix(file, "clusters/"); now[inside] == before[inside] {
			delete(damaged, file)
		}
	}
	checked := pipe(t, pipelines.Check, options)
	errorsOf(t, checked)
	if len(damaged) > 0 && !checked.Failed() {
		t.Errorf("a check passes with the locks %v", slices.Collect(maps.Keys(damaged)))
	}
	r := pipe(t, pipelines.Build, options)
	said := errorsOf(t, r)
	after := filesOf(t, repo)
	for file, text := range before {
		if after[file] != text && (path.Base(file) == "spec.yaml" || strings.HasSuffix(file, ".md") || strings.Contains(file, "/extra/") && !strings.Contains(file, "manifests")) {
			t.Errorf("a person's %s is lost", file)
		}
	}
	for file, text := range now {
		if strings.HasSuffix(file, "/mine") && after[file] != text {
			t.Errorf("a person's %s is lost", file)
		}
	}
	if files := differing(before, after); len(said) == 0 && len(files) > 0 {
		t.Errorf("a build says nothing of %v", files)
	}
	for _, f := range r.Findings {
		if sealed := strings.HasSuffix(f.File, "config.yaml"); f.Rule == tree.RuleUnknownFile && before[strings.TrimPrefix(f.File, "clusters/")] != "" && !sealed && r.Count(report.Failed) == 0 {
			t.Errorf("a build takes its own file for another's: %s", f)
		}
	}
}

// restore makes the clusters folder what it was.
func restore(t *testing.T, repo fleettest.Repo, files map[string]string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(repo.Root, "clusters")); err != nil {
		t.Fatal(err)
	}
	for file, text := range files {
		repo.Write(t, "clusters/"+file, []byte(text))
	}
	if now := filesOf(t, repo); fmt.Sprint(now) != fmt.Sprint(files) {
		t.Fatal("it is not restored")
	}
}
