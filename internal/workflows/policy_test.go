package workflows

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestActionlint(t *testing.T) {
	lint := exec.Command("go", "tool", "-modfile=tools/actionlint/go.mod", "actionlint")
	lint.Dir = root
	if out, err := lint.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// Permissions of all jobs: a new one has to be argued for here.
func TestPermissionsAreTheLeast(t *testing.T) {
	want := map[string]map[string]string{
		"build.yaml/build":             {"contents": "write"},
		"check.yaml/shard":             {"contents": "read"},
		"check.yaml/check":             {},
		"drift.yaml/drift":             {"contents": "read", "issues": "write"},
		"fleet-build.yaml/shard":       {"contents": "read"},
		"fleet-build.yaml/publish":     {"contents": "write"},
		"register.yaml/register":       {"contents": "write"},
		"release.yaml/release":         {"contents": "write", "packages": "write", "id-token": "write", "attestations": "write"},
		"conformance.yaml/conformance": {"contents": "read"},
		"test.yaml/elsewhere":          {"contents": "read"},
		"test.yaml/fuzz":               {"contents": "read"},
		"test.yaml/race":               {"contents": "read"},
		"test.yaml/test":               {"contents": "read"},
		"test.yaml/vulnerabilities":    {"contents": "read"},
		"upgrade.yaml/upgrade":         {"contents": "write", "pull-requests": "write"},
	}
	got := map[string]map[string]string{}
	for file, w := range load(t) {
		if w.Permissions == nil || len(w.Permissions) > 0 {
			t.Errorf("%s: the permissions of the workflow are %v, want {}", file, w.Permissions)
		}
		for name, j := range w.Jobs {
			if j.Permissions == nil {
				t.Errorf("%s/%s: no permissions are said", file, name)
			}
			got[file+"/"+name] = j.Permissions
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

var (
	pinned  = regexp.MustCompile(`^[\w-]+/[\w./-]+@[0-9a-f]{40}$`)
	version = regexp.MustCompile(`^# v\d+\.\d+\.\d+$`)
)

func TestActionsArePinned(t *testing.T) {
	versions := map[string]string{}
	for file, w := range load(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				isPinned(t, file+"/"+name, s, versions)
			}
		}
	}
	for _, s := range loadAction(t).Runs.Steps {
		isPinned(t, "action.yml", s, versions)
	}
	if len(versions) == 0 {
		t.Error("no action was seen")
	}
}

// isPinned wants a commit, and one version of each action. The action of this repository
// is of the same commit as the workflow.
func isPinned(t *testing.T, where string, s step, versions map[string]string) {
	t.Helper()
	uses, comment := s.Uses.Value, s.Uses.LineComment
	if uses == "" || uses == "./" || uses == "./.kasou" {
		return
	}
	if !pinned.MatchString(uses) || !version.MatchString(comment) {
		t.Errorf("%s: %q %q: want a full commit SHA and # vX.Y.Z", where, uses, comment)
	}
	action, _, _ := strings.Cut(uses, "@")
	if other, ok := versions[action]; ok && other != uses+comment {
		t.Errorf("%s: %s %s is elsewhere %s", where, uses, comment, other)
	}
	versions[action] = uses + comment
}

func TestEvents(t *testing.T) {
	want := map[string][]string{
		"build.yaml":       {"push"},
		"check.yaml":       {"pull_request", "merge_group"},
		"drift.yaml":       {"schedule", "workflow_dispatch"},
		"register.yaml":    {"workflow_dispatch"},
		"release.yaml":     {"push"},
		"fleet-build.yaml": {"workflow_call"},
		"conformance.yaml": {"schedule", "workflow_dispatch"},
		"test.yaml":        {"pull_request", "push", "schedule", "workflow_dispatch"},
		"upgrade.yaml":     {"schedule", "workflow_dispatch"},
	}
	got := map[string][]string{}
	for file, w := range load(t) {
		got[file] = w.events()
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

func TestPullRequestsHaveNoCredentials(t *testing.T) {
	for file, w := range load(t) {
		credentials := strings.Contains(w.text, "secrets.") || strings.Contains(w.text, "github.token")
		if slices.Contains(w.events(), "pull_request") && credentials {
			t.Errorf("%s: a pull request gets secrets", file)
		}
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				if !strings.HasPrefix(s.Uses.Value, "actions/checkout@") {
					continue
				}
				// A release is made by the API, and beside the fleet stands kasou itself: git
				// pushes neither.
				keeps, pushes := s.With["persist-credentials"], j.Permissions["contents"] == "write" && file != "release.yaml" && s.With["path"] == ""
				if keeps != map[bool]string{true: "true", false: "false"}[pushes] {
					t.Errorf("%s/%s: persist-credentials is %q, pushing is %v", file, name, keeps, pushes)
				}
			}
		}
	}
}

// What the workflow does not give, the action does not take: an input's default would
// reach a pull request, too.
func TestTheActionTakesNoCredentialsByItself(t *testing.T) {
	a := loadAction(t)
	for name, input := range a.Inputs {
		if input.Description == "" {
			t.Errorf("the input %s is not described", name)
		}
		if strings.Contains(input.Default, "${{") {
			t.Errorf("the input %s has the default %s", name, input.Default)
		}
	}
	for name, output := range a.Outputs {
		if output.Description == "" {
			t.Errorf("the output %s is not described", name)
		}
	}
	for _, s := range a.Runs.Steps {
		for name, value := range s.Env {
			if strings.Contains(value, "github.token") || strings.Contains(value, "secrets.") {
				t.Errorf("the action gives a step %s: %s", name, value)
			}
		}
		if strings.Contains(s.Run, "${{") {
			t.Errorf("an expression in a script: %s", s.Run)
		}
	}
}

// What an expression gives would be read by the shell; by env it is a value.
func TestNoExpressionInScripts(t *testing.T) {
	for file, w := range load(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				if strings.Contains(s.Run, "${{") {
					t.Errorf("%s/%s: %q", file, name, s.Run)
				}
			}
		}
	}
}

// What a release is made of must not come from a run that somebody else could write to.
func TestAReleaseTakesNoCache(t *testing.T) {
	w, ok := load(t)["release.yaml"]
	if !ok {
		t.Fatal("there is no release.yaml")
	}
	for _, s := range w.Jobs["release"].Steps {
		switch action, _, _ := strings.Cut(s.Uses.Value, "@"); action {
		case "actions/cache":
			t.Error("a cache is restored")
		case "actions/setup-go":
			if s.With["cache"] != "false" {
				t.Errorf("setup-go restores a cache: %v", s.With)
			}
		}
	}
}

func TestRunsEndAndDontPileUp(t *testing.T) {
	for file, w := range load(t) {
		if w.Concurrency.Group == "" || w.Concurrency.Cancel == nil {
			t.Errorf("%s: no concurrency group, or nothing said about cancelling", file)
		} else if *w.Concurrency.Cancel != (file == "check.yaml" || file == "test.yaml") {
			t.Errorf("%s: cancel-in-progress is %v", file, *w.Concurrency.Cancel)
		}
		for name, j := range w.Jobs {
			if j.Timeout == 0 {
				t.Errorf("%s/%s: no timeout", file, name)
			}
		}
	}
}

func TestDaggerIsTheSDKsVersion(t *testing.T) {
	list := exec.Command("go", "list", "-m", "-f", "{{.Version}}", "dagger.io/dagger")
	list.Dir = root
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	seen := false
	for _, s := range loadAction(t).Runs.Steps {
		if !strings.HasPrefix(s.Uses.Value, "dagger/dagger-for-github@") {
			continue
		}
		seen = true
		if got, want := s.With["version"], strings.TrimSpace(string(out)); got != want {
			t.Errorf("action.yml: Dagger's command is %s, its SDK in go.mod %s", got, want)
		}
	}
	if !seen {
		t.Error("the action installs no dagger")
	}
	if got, want := load(t)["conformance.yaml"].Jobs["conformance"].Env["DAGGER"], strings.TrimSpace(string(out)); got != want {
		t.Errorf("conformance.yaml: the engine is %s, its SDK in go.mod %s", got, want)
	}
}
