package workflows

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"kasou/internal/githubtest"
)

// runner runs the scripts of a workflow as GitHub's does, in one clone. What
// actions do it does not: the test clones, and the tools are there.
type runner struct {
	t     *testing.T
	clone string
	event string
	files string
	env   []string

	log             strings.Builder
	summary, output string
}

// newRunner gives a runner for an event, in a clone that is as checkout leaves
// it. env is added to what scripts see.
func newRunner(t *testing.T, clone, event string, env ...string) *runner {
	t.Helper()
	files := t.TempDir()
	r := &runner{t: t, clone: clone, event: event, files: files, env: env}
	for _, name := range []string{"GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH"} {
		if err := os.WriteFile(filepath.Join(files, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// run runs the workflow's jobs, each after those that it needs and once for
// each value of its matrix, and gives each job's result.
func (r *runner) run(w workflow) map[string]string {
	results := map[string]string{}
	for len(results) < len(w.Jobs) {
		before := len(results)
		for _, name := range slices.Sorted(maps.Keys(w.Jobs)) {
			j := w.Jobs[name]
			if results[name] == "" && (j.Needs == "" || results[j.Needs] != "") {
				results[name] = r.job(w, j, results)
			}
		}
		if len(results) == before {
			r.t.Fatalf("jobs wait for each other, or for one that is not there: %v", results)
		}
	}
	r.summary, r.output = r.read("GITHUB_STEP_SUMMARY"), r.read("GITHUB_OUTPUT")
	return results
}

func (r *runner) job(w workflow, j job, results map[string]string) string {
	values := map[string]string{"runner.temp": r.files, "runner.os": "Linux", "github.token": githubtest.Token}
	if j.Needs != "" {
		values["needs."+j.Needs+".result"] = results[j.Needs]
		if results[j.Needs] != "success" && j.If != "always()" {
			return "skipped"
		}
	}
	result := "success"
	for _, shard := range orOne(j.Strategy.Matrix["shard"]) {
		values["matrix.shard"] = shard
		if !r.steps(w, j, values) {
			result = "failure"
		}
	}
	return result
}

// steps runs the scripts of a job, up to one that fails; then only those with a
// condition, which all ask for just that.
func (r *runner) steps(w workflow, j job, values map[string]string) bool {
	ok := true
	for _, s := range j.Steps {
		if s.Run != "" && (ok || s.If != "") {
			ok = r.step(w, j, s, values) && ok
		}
	}
	return ok
}

// orOne gives one empty value for a job without a matrix.
func orOne(values []string) []string {
	if len(values) == 0 {
		return []string{""}
	}
	return values
}

// step runs a script and says whether it went well.
func (r *runner) step(w workflow, j job, s step, values map[string]string) bool {
	r.t.Helper()
	script := filepath.Join(r.files, "script.sh")
	if err := os.WriteFile(script, []byte(s.Run), 0o600); err != nil {
		r.t.Fatal(err)
	}
	c := exec.Command("bash", "-e", script)
	c.Dir, c.Env = r.clone, r.environment()
	for _, env := range []map[string]string{w.Env, j.Env, s.Env} {
		for name, value := range env {
			c.Env = append(c.Env, name+"="+r.expand(value, values))
		}
	}
	c.Env = append(c.Env, r.env...)
	out, err := c.CombinedOutput()
	fmt.Fprintf(&r.log, "$ %s\n%s", s.Run, out)
	return err == nil
}

// environment is what every script sees: nothing of the test's own GitHub, if
// it runs in one, and Go's caches.
func (r *runner) environment() []string {
	env := []string{
		"GITHUB_ACTIONS=true", "CI=true", "GITHUB_EVENT_NAME=" + r.event, "GITHUB_WORKSPACE=" + r.clone,
		"GITHUB_REPOSITORY=acme/platform", "RUNNER_TEMP=" + r.files, "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"KASOU_CACHE=" + filepath.Join(r.files, "cache"), "HOME=" + r.files,
	}
	for _, name := range []string{"GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH"} {
		env = append(env, name+"="+filepath.Join(r.files, name))
	}
	for _, name := range []string{"PATH", "GOROOT", "GOSUMDB", "GONOSUMDB", "TMPDIR"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return append(env, goEnv(r.t, "GOCACHE", "GOMODCACHE", "GOPROXY")...)
}

func goEnv(t *testing.T, names ...string) []string {
	t.Helper()
	var env []string
	for _, name := range names {
		out, err := exec.Command("go", "env", name).Output()
		if err != nil {
			t.Fatal(err)
		}
		env = append(env, name+"="+strings.TrimSpace(string(out)))
	}
	return env
}

var expression = regexp.MustCompile(`\$\{\{\s*([\w.-]+)\s*\}\}`)

// expand puts values in the place of expressions. Secrets and variables are
// unset, as on a fork.
func (r *runner) expand(s string, values map[string]string) string {
	return expression.ReplaceAllStringFunc(s, func(e string) string {
		name := expression.FindStringSubmatch(e)[1]
		value, ok := values[name]
		if !ok && !strings.HasPrefix(name, "secrets.") && !strings.HasPrefix(name, "vars.") {
			r.t.Errorf("no value for %s", e)
		}
		return value
	})
}

func (r *runner) read(name string) string {
	data, err := os.ReadFile(filepath.Join(r.files, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}
