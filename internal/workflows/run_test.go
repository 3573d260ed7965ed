package workflows

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kasou/internal/githubtest"
)

// hub is a bare repository with this working copy's files as its main, and the
// one folder that all clones of it are made in: Go compiles a package anew for
// each path.
type hub struct {
	t             *testing.T
	origin, clone string
}

func newHub(t *testing.T) *hub {
	t.Helper()
	dir := t.TempDir()
	h := &hub{t: t, origin: filepath.Join(dir, "origin.git"), clone: filepath.Join(dir, "work")}
	seed := filepath.Join(dir, "seed")
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for file := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		copyFile(t, filepath.Join(root, file), filepath.Join(seed, file))
	}
	h.git(seed, "init", "-q", "-b", "main")
	h.git(seed, "add", "-A")
	h.git(seed, "commit", "-q", "-m", "The fleet")
	h.git(dir, "clone", "-q", "--bare", seed, h.origin)
	return h
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if os.IsNotExist(err) {
		return // deleted, and not committed yet
	}
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hub) git(dir string, args ...string) string {
	h.t.Helper()
	c := exec.Command("git", append([]string{"-c", "user.name=A Person", "-c", "user.email=person@example.com"}, args...)...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull)
	out, err := c.CombinedOutput()
	if err != nil {
		h.t.Fatalf("git %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// checkout returns a fresh shallow clone of the branch, as actions/checkout does
// for a push; for a pull request it leaves HEAD detached, and has the commit before, as
// check.yaml asks for.
func (h *hub) checkout(branch string, detached bool) string {
	h.t.Helper()
	if err := os.RemoveAll(h.clone); err != nil {
		h.t.Fatal(err)
	}
	depth := "1"
	if detached {
		depth = "2"
	}
	h.git(filepath.Dir(h.clone), "clone", "-q", "--depth", depth, "--branch", branch, "file://"+h.origin, h.clone)
	if detached {
		h.git(h.clone, "checkout", "-q", "--detach")
	}
	return h.clone
}

// edit commits a change of a person's to a branch of origin.
func (h *hub) edit(branch, file, from, to string) {
	h.t.Helper()
	clone := h.checkout("main", false)
	data, err := os.ReadFile(filepath.Join(clone, file))
	if err != nil || !bytes.Contains(data, []byte(from)) {
		h.t.Fatalf("no %q in %s: %v", from, file, err)
	}
	if err := os.WriteFile(filepath.Join(clone, file), bytes.ReplaceAll(data, []byte(from), []byte(to)), 0o644); err != nil {
		h.t.Fatal(err)
	}
	h.git(clone, "checkout", "-q", "-B", branch)
	h.git(clone, "commit", "-q", "-am", "Edit "+file)
	h.git(clone, "push", "-q", "origin", branch)
}

func (h *hub) refs() string { return h.git(h.origin, "for-each-ref") }

// withDagger returns what scripts need to run `dagger run`, and the toolchain that
// there is. Where no engine is named, a command of that name runs the rest as it
// is, without a session.
func withDagger(t *testing.T) (env []string, toolchain string) {
	t.Helper()
	const host, cli = "_EXPERIMENTAL_DAGGER_RUNNER_HOST", "_EXPERIMENTAL_DAGGER_CLI_BIN"
	if engine := os.Getenv(host); engine != "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			t.Fatal(err)
		}
		path := os.Getenv("PATH")
		if bin := os.Getenv(cli); bin != "" {
			path = filepath.Dir(bin) + string(os.PathListSeparator) + path
		}
		// Building the tools takes minutes: their cache is the one of all tests.
		return []string{host + "=" + engine, "PATH=" + path, "KASOU_CACHE=" + filepath.Join(cache, "kasou-test")}, "dagger"
	}
	t.Logf("no Dagger engine (%s is not set): `dagger run` starts the command without a session", host)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "dagger"), []byte("#!/bin/sh\n[ \"$1\" = run ] && shift && exec \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return []string{"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH")}, "embedded"
}

const spec = "clusters/development/spec.yaml"

// TestRun runs every script of every workflow, on clones of a real repository.
func TestRun(t *testing.T) {
	workflows, h := load(t), newHub(t)
	t.Run("a pull request that is right passes", func(t *testing.T) {
		before := h.refs()
		r := newRunner(t, h.checkout("main", true), "pull_request")
		expect(t, r, r.run(workflows["check.yaml"]), "shard", "success", "check", "success")
		contains(t, r.summary, "## kasou check: all is as it should be")
		contains(t, r.output, "changed<<", "\nfalse\n")
		if after := h.refs(); after != before {
			t.Errorf("a check changed the repository:\n%s\n%s", before, after)
		}
	})
	t.Run("a stale one fails at its spec", func(t *testing.T) {
		h.edit("stale", spec, "dev.k8s", "new.k8s")
		before := h.refs()
		r := newRunner(t, h.checkout("stale", true), "pull_request")
		expect(t, r, r.run(workflows["check.yaml"]), "shard", "failure", "check", "failure")
		contains(t, r.log.String(), "::error file="+spec, "title=tree-stale")
		contains(t, r.summary, "| `development` | stale |", "new.k8s.example.com")
		contains(t, r.output, `["development"]`)
		if after := h.refs(); after != before {
			t.Errorf("a check changed the repository:\n%s\n%s", before, after)
		}
	})
	t.Run("shards report each its own", func(t *testing.T) {
		w := workflows["check.yaml"]
		w.Jobs = maps.Clone(w.Jobs)
		sharded := w.Jobs["shard"]
		sharded.Strategy.Matrix = map[string]list{"shard": {"1/2", "2/2"}}
		w.Jobs["shard"] = sharded
		r := newRunner(t, h.checkout("stale", true), "pull_request")
		expect(t, r, r.run(w), "shard", "failure", "check", "failure")
		if n := strings.Count(r.log.String(), "::error file="); n != 1 {
			t.Errorf("the stale cluster is annotated %d times:\n%s", n, r.log.String())
		}
	})
	t.Run("a push is built and committed, once", func(t *testing.T) {
		h.edit("main", spec, "dev.k8s", "pushed.k8s")
		pushed := h.git(h.origin, "rev-parse", "main")
		r := newRunner(t, h.checkout("main", false), "push")
		expect(t, r, r.run(workflows["build.yaml"]), "build", "success")
		contains(t, r.log.String(), "toolchain embedded", "ci build")
		if r.outputs["changed"] != "true" || r.outputs["clusters"] != `["development"]` || r.outputs["findings"] == "" {
			t.Errorf("the action's outputs: %v", r.outputs)
		}
		contains(t, r.summary, "| `development` | built |")
		contains(t, h.git(h.origin, "log", "-1", "--format=%an %ae%n%B", "main"), "github-actions[bot]", "development")
		if parent := h.git(h.origin, "rev-parse", "main~1"); parent != pushed {
			t.Errorf("the commit is on %s, not on the pushed %s\n%s", parent, pushed, r.log.String())
		}
		committed := h.refs()
		r = newRunner(t, h.checkout("main", false), "push")
		expect(t, r, r.run(workflows["build.yaml"]), "build", "success")
		if r.outputs["changed"] != "false" {
			t.Errorf("the action's outputs: %v", r.outputs)
		}
		if after := h.refs(); after != committed {
			t.Errorf("the second build committed again:\n%s", r.log.String())
		}
	})
	t.Run("the upstream commands give the same", func(t *testing.T) {
		env, toolchain := withDagger(t)
		r := newRunner(t, h.checkout("main", true), "pull_request", env...)
		results := r.run(workflows["check.yaml"].with("toolchain", "dagger"))
		if toolchain == "embedded" { // no engine: the action does not fall back
			expect(t, r, results, "shard", "failure")
			contains(t, r.log.String(), "the Dagger engine at no address cannot be reached")
			return
		}
		expect(t, r, results, "shard", "success")
		contains(t, r.log.String(), "toolchain dagger")
	})
	t.Run("drift is reported", func(t *testing.T) {
		fake := githubtest.Start(t)
		clone := h.checkout("main", false)
		r := newRunner(t, clone, "schedule", "GITHUB_API_URL="+fake.URL)
		expect(t, r, r.run(workflows["drift.yaml"]), "drift", "success")
		contains(t, r.read("drift.html"), "kasou drift", "development", "team-a")
		if fake.Count() > 0 {
			t.Errorf("nothing drifts, and there is the issue %+v", fake.Issue(1))
		}
		if err := os.Remove(filepath.Join(clone, "clusters", "team-a", "values.yaml")); err != nil {
			t.Fatal(err)
		}
		expect(t, r, r.run(workflows["drift.yaml"]), "drift", "failure")
		contains(t, fake.Issue(1).Body, "tree-missing", "team-a")
	})
	t.Run("hops are looked for, and the example has none", func(t *testing.T) {
		fake := githubtest.Start(t)
		before := h.refs()
		r := newRunner(t, h.checkout("main", false), "schedule", "GITHUB_API_URL="+fake.URL)
		expect(t, r, r.run(workflows["upgrade.yaml"]), "upgrade", "success")
		contains(t, r.log.String(), "ci upgrade, toolchain embedded, publish commit")
		if after := h.refs(); after != before || len(fake.Writes()) > 0 {
			t.Errorf("there is no hop, and it changed something:\n%s", r.log.String())
		}
	})
}

// with returns the workflow with another input of the action.
func (w workflow) with(name, value string) workflow {
	jobs := maps.Clone(w.Jobs)
	for key, j := range jobs {
		j.Steps = slices.Clone(j.Steps)
		for i, s := range j.Steps {
			if s.isKasou() {
				s.With = maps.Clone(s.With)
				s.With[name] = value
				j.Steps[i] = s
			}
		}
		jobs[key] = j
	}
	w.Jobs = jobs
	return w
}

func expect(t *testing.T, r *runner, got map[string]string, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got[pairs[i]] != pairs[i+1] {
			t.Fatalf("%s: %q, want %q\n%s", pairs[i], got[pairs[i]], pairs[i+1], r.log.String())
		}
	}
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("no %q in:\n%s", p, text)
		}
	}
}
