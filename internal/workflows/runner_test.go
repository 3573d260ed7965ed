package workflows

import (
	"cmp"
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
	// actionPath is the folder of kasou's action: the clone's own, or one beside it.
	actionPath string
	event      string
	files      string
	env        []string

	log             strings.Builder
	summary, output string
	// outputs are those of the action that ran last.
	outputs map[string]string
	// values are of further expressions.
	values map[string]string
}

// newRunner returns a runner for an event, in a clone that is as checkout leaves
// it. env is added to what scripts see.
func newRunner(t *testing.T, clone, event string, env ...string) *runner {
	t.Helper()
	files := t.TempDir()
	r := &runner{t: t, clone: clone, actionPath: clone, event: event, files: files, env: env}
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
	maps.Copy(values, r.values)
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
		switch {
		case !ok && s.If == "":
		case s.isKasou():
			ok = r.action(w, j, s, values) && ok
		case s.Run != "":
			ok = r.step(w, j, s, values, "GITHUB_OUTPUT") && ok
		}
	}
	return ok
}

// isKasou reports whether the step uses kasou's action.
func (s step) isKasou() bool {
	return s.Uses.Value == "./" || s.Uses.Value == "./.kasou" || strings.Contains(s.Uses.Value, "/kasou@")
}

// action runs the scripts of this repository's own action, with the inputs of the step
// that uses it, up to one that fails.
func (r *runner) action(w workflow, j job, use step, outer map[string]string) bool {
	a := loadAction(r.t)
	values := maps.Clone(outer)
	for name, input := range a.Inputs {
		values["inputs."+name] = input.Default
	}
	for name, value := range use.With {
		if _, known := a.Inputs[name]; !known {
			r.t.Errorf("the action has no input %s", name)
		}
		values["inputs."+name] = r.expand(value, outer)
	}
	values["github.action_path"] = r.actionPath
	values["github.action_repository"], values["github.action_ref"], _ = strings.Cut(strings.TrimPrefix(strings.TrimPrefix(use.Uses.Value, "./"), ".kasou"), "@")
	for i, s := range a.Runs.Steps {
		if s.If != "" && r.expand(s.If, values) == "" || s.Run == "" {
			continue
		}
		file := fmt.Sprintf("output-%d", i)
		r.write(file, "")
		ok := r.step(w, j, s, values, file)
		for name, value := range outputs(r.read(file)) {
			values["steps."+s.ID+".outputs."+name] = value
		}
		r.write("GITHUB_OUTPUT", r.read("GITHUB_OUTPUT")+r.read(file))
		if !ok {
			return false
		}
	}
	r.outputs = map[string]string{}
	for name, output := range a.Outputs {
		r.outputs[name] = r.expand(output.Value, values)
	}
	return true
}

// outputs reads what a step wrote to GITHUB_OUTPUT.
func outputs(text string) map[string]string {
	all := map[string]string{}
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if name, end, ok := strings.Cut(lines[i], "<<"); ok {
			var value []string
			for i++; i < len(lines) && lines[i] != end; i++ {
				value = append(value, lines[i])
			}
			all[name] = strings.Join(value, "\n")
		} else if name, value, ok := strings.Cut(lines[i], "="); ok {
			all[name] = value
		}
	}
	return all
}

// orOne returns one empty value for a job without a matrix.
func orOne(values []string) []string {
	if len(values) == 0 {
		return []string{""}
	}
	return values
}

// step runs a script, whose outputs go to a file of the runner's, and reports whether it
// went well.
func (r *runner) step(w workflow, j job, s step, values map[string]string, output string) bool {
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
	c.Env = append(c.Env, "GITHUB_OUTPUT="+filepath.Join(r.files, output))
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
		"GITHUB_ACTION_PATH=" + r.actionPath, "RUNNER_OS=Linux", "RUNNER_ARCH=X64",
		"GITHUB_SERVER_URL=https://127.0.0.1:1", // nothing is fetched in a test
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

var expression = regexp.MustCompile(`\$\{\{\s*(.+?)\s*\}\}`)

// expand puts values in the place of expressions.
func (r *runner) expand(s string, values map[string]string) string {
	return expression.ReplaceAllStringFunc(s, func(e string) string {
		return r.evaluate(expression.FindStringSubmatch(e)[1], values)
	})
}

// evaluate returns what an expression gives, empty for false: names, texts, comparisons
// and or. Secrets and variables are unset, as on a fork.
func (r *runner) evaluate(e string, values map[string]string) string {
	e = strings.TrimSpace(e)
	if left, right, ok := strings.Cut(e, "||"); ok {
		return cmp.Or(r.evaluate(left, values), r.evaluate(right, values))
	}
	for _, operator := range []string{"==", "!="} {
		if left, right, ok := strings.Cut(e, operator); ok {
			if (r.evaluate(left, values) == r.evaluate(right, values)) == (operator == "==") {
				return "true"
			}
			return ""
		}
	}
	if text, ok := strings.CutPrefix(e, "'"); ok {
		return strings.TrimSuffix(text, "'")
	}
	value, ok := values[e]
	if !ok && !strings.HasPrefix(e, "secrets.") && !strings.HasPrefix(e, "vars.") && !strings.HasPrefix(e, "steps.") {
		r.t.Errorf("no value for %s", e)
	}
	return value
}

func (r *runner) write(name, text string) {
	if err := os.WriteFile(filepath.Join(r.files, name), []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
}

func (r *runner) read(name string) string {
	data, err := os.ReadFile(filepath.Join(r.files, name))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(data)
}
