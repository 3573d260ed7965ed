package workflows

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/upstream"
)

const pinnedHere = "team/kasou@0123456789abcdef0123456789abcdef01234567"

// TestANewFleet does what a new user does, in an empty repository and with the program
// alone; then the workflows that kasou init wrote run there, in order: a pull request is
// checked, a push is built and committed.
func TestANewFleet(t *testing.T) {
	chart := upstream.Chart(t, "vcluster-0.36.1")
	source, dir := newHub(t), t.TempDir()
	program := filepath.Join(dir, "kasou")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	h := &hub{t: t, origin: filepath.Join(dir, "fleet.git"), clone: filepath.Join(dir, "fleet")}
	h.git(dir, "init", "-q", "-b", "main", "--bare", h.origin)
	h.git(dir, "clone", "-q", "file://"+h.origin, h.clone)
	kasou := func(args ...string) string {
		t.Helper()
		c := exec.Command(program, args...)
		c.Dir = h.clone
		c.Env = append(os.Environ(), "KASOU_CACHE="+filepath.Join(dir, "cache"), "GITHUB_ACTIONS=")
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("kasou %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	h.git(h.clone, "checkout", "-q", "-B", "main")
	copyFile(t, chart, filepath.Join(h.clone, "charts", "vcluster-0.36.1.tgz"))
	certificate := filepath.Join(dir, "sealed-secrets.pem")
	copyFile(t, filepath.Join(root, "clusters", "sealed-secrets.crt"), certificate)
	contains(t, kasou("init", "--url", "https://github.com/team/platform.git", "--certificate", certificate, "--action", pinnedHere),
		".github/workflows/kasou-build.yaml: created", "kasou new NAME")
	kasou("new", "staging", "--host", "staging.example.com", "--path", "charts/vcluster-0.36.1.tgz")
	kasou("build")
	kasou("check")
	h.git(h.clone, "add", "-A")
	h.git(h.clone, "commit", "-q", "-m", "Begin")
	h.git(h.clone, "push", "-q", "origin", "main")

	workflows := loadFrom(t, h.clone)
	if len(workflows) != 5 {
		t.Fatalf("workflows: %d", len(workflows))
	}
	run := func(file, event, branch string, detached bool) *runner {
		t.Helper()
		r := newRunner(t, h.checkout(branch, detached), event)
		r.actionPath = source.checkout("main", false)
		for job, result := range r.run(workflows[file]) {
			if result != "success" {
				t.Fatalf("%s: the job %s ended with %s\n%s", file, job, result, r.log.String())
			}
		}
		return r
	}
	r := run("kasou-check.yaml", "pull_request", "main", true)
	contains(t, r.log.String(), "the tags of team/kasou cannot be read", "ci check")

	// A person sends the spec alone; the push is built and committed.
	h.edit("main", "clusters/staging/spec.yaml", "staging.example.com", "stage.example.com")
	r = run("kasou-build.yaml", "push", "main", false)
	if r.outputs["changed"] != "true" || r.outputs["clusters"] != `["staging"]` {
		t.Errorf("outputs %v\n%s", r.outputs, r.log.String())
	}
	contains(t, h.git(h.origin, "log", "-1", "--format=%an %s", "main"), "github-actions[bot]", "staging")
	contains(t, h.git(h.origin, "show", "main:clusters/staging/values.yaml"), "stage.example.com")
	committed := h.refs()
	run("kasou-build.yaml", "push", "main", false)
	if h.refs() != committed {
		t.Error("the second push was committed again")
	}
	run("kasou-check.yaml", "pull_request", "main", true)
}
