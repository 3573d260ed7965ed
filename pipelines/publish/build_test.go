package publish

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"kasou/pipelines/finding"
	"kasou/pipelines/report"
)

// build is a small deterministic pipeline: every clusters/NAME/spec.yaml gives
// a clusters/NAME/out.yaml, an out.yaml without a spec goes, and a spec that says
// "broken" is a finding.
func build(_ context.Context, root string) (Built, error) {
	built := Built{Message: Message{Tools: map[string]string{"helm": "v3.22.0"}}}
	folders, err := filepath.Glob(filepath.Join(root, "clusters", "*"))
	if err != nil {
		return built, err
	}
	for _, folder := range folders {
		name := filepath.Base(folder)
		spec, err := os.ReadFile(filepath.Join(folder, "spec.yaml"))
		out := filepath.Join(folder, "out.yaml")
		old, _ := os.ReadFile(out)
		wanted := "generated from " + string(spec)
		switch {
		case strings.Contains(string(spec), "broken"):
			built.Findings = append(built.Findings, finding.Finding{
				File: "clusters/" + name + "/spec.yaml", Line: 1, Rule: "test-broken", Severity: finding.Error, Message: "broken"})
			continue
		case errors.Is(err, os.ErrNotExist):
			os.Remove(out)
		case string(old) == wanted:
			continue
		case os.WriteFile(out, []byte(wanted), 0o600) != nil:
			return built, errors.New("cannot write")
		}
		built.Files = append(built.Files, "clusters/"+name+"/out.yaml")
		built.Message.Changes = append(built.Message.Changes, Change{Cluster: name, Reasons: []report.Reason{{Cause: report.SpecChanged}}})
	}
	return built, nil
}

var robot = Identity{Name: "kasou", Email: "kasou@example.com"}

func at(root string) Options {
	return Options{
		Root: root, Inputs: []string{"clusters"}, Author: robot,
		Wait: func(ctx context.Context, _ int) error { return ctx.Err() },
	}
}

// publish does what a CI run does: open, build in the working copy, publish.
func publish(t *testing.T, o Options) (Result, error) {
	t.Helper()
	if o.Log == nil {
		o.Log = func(line string) { t.Log(line) }
	}
	p, err := Open(t.Context(), o)
	if err != nil {
		return Result{}, err
	}
	built, err := build(t.Context(), o.Root)
	if err != nil {
		t.Fatal(err)
	}
	return p.Publish(t.Context(), built, build)
}

func mustPublish(t *testing.T, o Options) Result {
	t.Helper()
	r, err := publish(t, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func wantKind(t *testing.T, err error, kind Kind, words string) {
	t.Helper()
	e, ok := errors.AsType[*Error](err)
	if !ok {
		t.Fatalf("got %v, want an Error that is %s", err, kind)
	}
	if e.Kind != kind || !strings.Contains(e.Error(), words) {
		t.Errorf("got %s: %v\nwant %s: …%s…", e.Kind, e, kind, words)
	}
}

// wantConsistent checks that the files at the server's tip are what a build of
// its specs gives, and that every commit has one parent and adds to the last.
func (s *server) wantConsistent(t *testing.T) {
	t.Helper()
	files := s.files(t)
	for _, file := range files {
		if out, ok := strings.CutSuffix(file, "/spec.yaml"); ok {
			if got, want := s.file(t, out+"/out.yaml"), "generated from "+s.file(t, file); got != want {
				t.Errorf("%s/out.yaml is %q, want %q", out, got, want)
			}
		}
		if spec, ok := strings.CutSuffix(file, "/out.yaml"); ok && !slices.Contains(files, spec+"/spec.yaml") {
			t.Errorf("%s was left behind", file)
		}
	}
	if merges := command(t, s.repo, "git", "rev-list", "--merges", "main"); merges != "" {
		t.Errorf("merges in the history: %s", merges)
	}
}

// published counts the commits of kasou's on main.
func (s *server) published(t *testing.T) int {
	return len(strings.Fields(command(t, s.repo, "git", "log", "--format=%H", "--author=kasou@example.com", "main")))
}

func (s *server) wantPublished(t *testing.T, n int) {
	t.Helper()
	if got := s.published(t); got != n {
		t.Errorf("%d commits by kasou, want %d: %q", got, n, s.subjects(t))
	}
}
