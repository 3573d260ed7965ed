package tree_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/pipelines/tree"
)

// The full diff is what git apply reads: applied, it makes the wanted tree.
func TestFullDiffApplies(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("NOT TESTED, that git applies the diff: no git here")
	}
	root := repo(t, nil)
	mustBuild(t, root, generation("a"))
	plan := mustCompare(t, root, generation("b"))
	cmd := exec.Command(git, "apply", "-")
	cmd.Dir, cmd.Stdin = root, strings.NewReader(plan.FullDiff())
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := mustCompare(t, root, generation("b")); !left.Empty() {
		t.Errorf("still differs: %v", causes(left))
	}
}

func TestSummary(t *testing.T) {
	plan := tree.PlanOf(tree.Change{Path: "a", New: []byte("x")}, tree.Change{Path: "b", Old: []byte("x")}, tree.Change{Path: "c", Old: []byte("x"), New: []byte("y")})
	plan.Cluster = "dev"
	for want, plans := range map[string][]tree.Plan{
		"nothing to change": {{Cluster: "dev"}},
		"1 cluster: 1 file created, 1 updated, 1 deleted":   {plan, {Cluster: "other"}},
		"2 clusters: 2 files created, 2 updated, 2 deleted": {plan, plan},
	} {
		if got := tree.Summary(plans...); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
