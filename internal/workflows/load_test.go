// Package workflows holds the workflows in .github/workflows to what they must
// be, and runs their steps.
package workflows

import (
	"os"
	"path/filepath"
	"testing"

	"go.yaml.in/yaml/v3"
)

// root is the repo's, from this package.
const root = "../.."

// workflow is what the tests look at in a file of .github/workflows.
type workflow struct {
	On          yaml.Node         `yaml:"on"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency struct {
		Group  string `yaml:"group"`
		Cancel *bool  `yaml:"cancel-in-progress"`
	} `yaml:"concurrency"`
	Env  map[string]string `yaml:"env"`
	Jobs map[string]job    `yaml:"jobs"`

	text string
}

type job struct {
	Needs       string            `yaml:"needs"`
	If          string            `yaml:"if"`
	Timeout     int               `yaml:"timeout-minutes"`
	Permissions map[string]string `yaml:"permissions"`
	Strategy    struct {
		Matrix map[string]list `yaml:"matrix"`
	} `yaml:"strategy"`
	Env   map[string]string `yaml:"env"`
	Steps []step            `yaml:"steps"`
}

// list is a list of texts; an expression in its place is none.
type list []string

// UnmarshalYAML reads either.
func (l *list) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		return nil
	}
	return n.Decode((*[]string)(l))
}

type step struct {
	ID   string            `yaml:"id"`
	Name string            `yaml:"name"`
	Uses yaml.Node         `yaml:"uses"`
	With map[string]string `yaml:"with"`
	If   string            `yaml:"if"`
	Env  map[string]string `yaml:"env"`
	Run  string            `yaml:"run"`
}

// action is action.yml, which the workflows use.
type action struct {
	Inputs map[string]struct {
		Description string `yaml:"description"`
		Default     string `yaml:"default"`
	} `yaml:"inputs"`
	Outputs map[string]struct {
		Description string `yaml:"description"`
		Value       string `yaml:"value"`
	} `yaml:"outputs"`
	Runs struct {
		Using string `yaml:"using"`
		Steps []step `yaml:"steps"`
	} `yaml:"runs"`
}

func loadAction(t *testing.T) action {
	t.Helper()
	var a action
	data, err := os.ReadFile(filepath.Join(root, "action.yml"))
	if err == nil {
		err = yaml.Unmarshal(data, &a)
	}
	if err != nil || len(a.Runs.Steps) == 0 {
		t.Fatalf("action.yml: %v", err)
	}
	return a
}

// load reads all workflows, by file name.
func load(t *testing.T) map[string]workflow {
	t.Helper()
	return loadFrom(t, root)
}

func loadFrom(t *testing.T, repo string) map[string]workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(repo, ".github/workflows/*.y*ml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no workflows: %v", err)
	}
	all := map[string]workflow{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		w := workflow{text: string(data)}
		if err := yaml.Unmarshal(data, &w); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = w
	}
	return all
}

// events returns what starts the workflow.
func (w workflow) events() []string {
	var names []string
	for i := 0; i < len(w.On.Content); i += 2 {
		names = append(names, w.On.Content[i].Value)
	}
	return names
}
