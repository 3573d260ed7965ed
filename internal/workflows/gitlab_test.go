package workflows

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// component is templates/fleet.yml: its inputs, and its jobs as GitLab has them once the
// inputs are filled in.
type component struct {
	Inputs map[string]struct{ Description, Default, Regex string }
	jobs   map[string]gitlabJob
}

type gitlabJob struct {
	Extends   string              `yaml:"extends"`
	Rules     []map[string]string `yaml:"rules"`
	Variables map[string]string   `yaml:"variables"`
	Before    []string            `yaml:"before_script"`
	Script    []string            `yaml:"script"`
}

func loadComponent(t *testing.T, inputs map[string]string) component {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "templates", "fleet.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var head struct{ Spec component }
	parts := bytes.SplitN(data, []byte("\n---\n"), 2)
	if err := yaml.Unmarshal(parts[0], &head); err != nil {
		t.Fatal(err)
	}
	c := head.Spec
	text := regexp.MustCompile(`\$\[\[ inputs\.([a-z-]+) \]\]`).ReplaceAllStringFunc(string(parts[1]), func(e string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(e, "$[[ inputs."), " ]]")
		if _, known := c.Inputs[name]; !known {
			t.Errorf("there is no input %s", name)
		}
		if value, ok := inputs[name]; ok {
			return value
		}
		return c.Inputs[name].Default
	})
	if err := yaml.NewDecoder(strings.NewReader(text)).Decode(&c.jobs); err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return c
}

// run runs a job's scripts in the clone as GitLab's runner does, with the variables.
func (c component) run(t *testing.T, name, clone string, variables map[string]string) (string, error) {
	t.Helper()
	j, base := c.jobs[name], c.jobs[c.jobs[name].Extends]
	script := strings.Join(slices.Concat([]string{"set -eo pipefail"}, base.Before, j.Before, j.Script), "\n")
	all := maps.Clone(variables)
	for _, more := range []map[string]string{base.Variables, j.Variables} {
		for key, value := range more {
			all[key] = os.Expand(value, func(name string) string { return all[name] })
		}
	}
	r := newRunner(t, clone, "")
	cmd := exec.Command("bash", "-c", script)
	cmd.Dir = clone
	for _, pair := range r.environment() {
		if !strings.HasPrefix(pair, "GITHUB_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, "TMPDIR="+r.files)
	for key, value := range all {
		if key == "GOPATH" || key == "GOCACHE" {
			continue // the machine's own, where modules and builds are
		}
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestGitLab runs the component's jobs on a push and on a merge request, from the
// repository that it names.
func TestGitLab(t *testing.T) {
	h := newHub(t)
	commit := h.git(h.origin, "rev-parse", "main")
	c := loadComponent(t, map[string]string{"source": "file://" + h.origin, "commit": commit})
	for name, input := range c.Inputs {
		if input.Description == "" {
			t.Errorf("the input %s is not described", name)
		}
	}
	h.git(h.origin, "config", "uploadpack.allowReachableSHA1InWant", "true")
	h.edit("main", spec, "dev.k8s", "pushed.k8s")
	variables := map[string]string{"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": "push", "CI_COMMIT_BRANCH": "main", "CI_DEFAULT_BRANCH": "main",
		"CI_COMMIT_BEFORE_SHA": commit, "CI_PROJECT_URL": strings.TrimSuffix("file://"+h.origin, ".git"), "CI_SERVER_HOST": "gitlab.example.com", "KASOU_PUSH_TOKEN": "glpat-canary"}
	clone := func() string {
		dir := h.checkout("main", true)
		if h.git(dir, "rev-parse", "--is-shallow-repository") == "true" {
			h.git(dir, "fetch", "-q", "--unshallow") // GIT_DEPTH of the jobs is 0
		}
		variables["CI_PROJECT_DIR"] = dir
		return dir
	}
	out, err := c.run(t, "kasou-build", clone(), variables)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	contains(t, out, "ci build, toolchain embedded, publish commit", "committed and pushed")
	if strings.Contains(out, "glpat-canary") {
		t.Errorf("the token is in the log:\n%s", out)
	}
	contains(t, h.git(h.origin, "log", "-1", "--format=%an %ae", "main"), "kasou kasou@noreply.gitlab.example.com")
	variables["CI_PIPELINE_SOURCE"], variables["CI_MERGE_REQUEST_DIFF_BASE_SHA"] = "merge_request_event", commit
	dir := clone()
	out, err = c.run(t, "kasou-check", dir, variables)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if report, err := os.ReadFile(filepath.Join(dir, "kasou.xml")); err != nil || !strings.Contains(string(report), "<testsuite") {
		t.Errorf("no report: %v", err)
	}
	for name, j := range c.jobs {
		if strings.HasPrefix(name, ".") {
			continue
		}
		if len(j.Rules) != 1 {
			t.Errorf("%s: rules %v", name, j.Rules)
		}
		if text := strings.Join(j.Script, "\n"); name == "kasou-check" && strings.Contains(text, "token") {
			t.Errorf("a merge request gets credentials:\n%s", text)
		}
	}
}
