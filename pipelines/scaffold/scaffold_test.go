package scaffold_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"kasou/pipelines/fleet"
	"kasou/pipelines/scaffold"
)

var update = flag.Bool("update", false, "rewrite this repository's own workflows")

const commit = "0123456789abcdef0123456789abcdef01234567"

func files(t *testing.T, o scaffold.Options) map[string][]byte {
	t.Helper()
	made, err := scaffold.Files(o)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	for _, f := range made {
		all[f.Path] = f.Data
	}
	return all
}

// This repository's own workflows are those that kasou init writes, with the action that
// stands beside them: what runs here is what runs elsewhere.
func TestOwnWorkflows(t *testing.T) {
	made := files(t, scaffold.Options{Dir: "clusters", URL: "https://github.com/acme/platform.git", Branch: "main", Action: "./", Plain: true})
	for _, name := range scaffold.Workflows {
		want := made[".github/workflows/"+name+".yaml"]
		file := filepath.Join("../../.github/workflows", name+".yaml")
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(file); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what kasou init writes: run make golden (%v)", file, err)
		}
	}
}

// A fleet.yaml of any shape loads, and says what it was told.
func TestFleetFile(t *testing.T) {
	for _, o := range []scaffold.Options{
		{Dir: "clusters", URL: "https://github.com/team/platform.git", Branch: "main"},
		{Dir: "fleets/eu west", URL: "git@git.example.com:team/platform.git", Branch: "release/1.0", KubernetesVersion: "1.33.2", ServiceCIDR: "10.96.0.0/16,fd00::/112"},
		{Dir: "clusters", URL: "ssh://git@host/a.git", Branch: "1.0", Certificate: []byte("pem")},
		{Dir: "clusters", URL: "ssh://git@host/a.git", Branch: "yes", PublicKey: "ed25519:m9m5mBGdQnE0dXLJ0nG9i0mLrPVCEJnuL3hUpBmW9n0=", Certificate: []byte("pem")},
		{Dir: "clusters", URL: "ssh://git@host/a.git", Branch: "[x]", PublicKey: "ed25519:m9m5mBGdQnE0dXLJ0nG9i0mLrPVCEJnuL3hUpBmW9n0="},
	} {
		root := t.TempDir()
		for name, data := range files(t, o) {
			at := filepath.Join(root, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(at, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		f, found, err := fleet.Load(root, o.Dir)
		if err != nil || len(found) > 0 {
			t.Errorf("%+v: %v %v", o, found, err)
			continue
		}
		r := f.Spec.Repository
		if r.URL != o.URL || r.Revision != o.Branch || r.Path != o.Dir || f.Spec.Host.ServiceCIDR != o.ServiceCIDR || (f.Spec.Sealing != nil) != (o.Certificate != nil) {
			t.Errorf("%+v became %+v", o, f.Spec)
		}
	}
}

// Names that YAML reads as something else stay what they are in workflows.
func TestWorkflows(t *testing.T) {
	for _, branch := range []string{"main", "release/1.0", "1.0", "on", "a, b", "x]y"} {
		made := files(t, scaffold.Options{Dir: "fleets/a: b", URL: "u", Branch: branch, Action: "team/kasou@" + commit + " # v1.2.3"})
		var w struct {
			On   struct{ Push struct{ Branches []string } }
			Jobs map[string]struct {
				Steps []struct {
					Uses string
					With map[string]string
				}
			}
		}
		if err := yaml.Unmarshal(made[".github/workflows/kasou-build.yaml"], &w); err != nil {
			t.Fatalf("%q: %v", branch, err)
		}
		steps := w.Jobs["build"].Steps
		last := steps[len(steps)-1]
		if len(w.On.Push.Branches) != 1 || w.On.Push.Branches[0] != branch || last.Uses != "team/kasou@"+commit || last.With["clusters"] != "fleets/a: b" {
			t.Errorf("%q: %+v", branch, w)
		}
	}
	for name := range files(t, scaffold.Options{Dir: "clusters", URL: "u", Branch: "main"}) {
		if strings.Contains(name, "workflows") {
			t.Errorf("there is no action, and there is %s", name)
		}
	}
}
