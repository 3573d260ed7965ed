package tree_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"kasou/internal/fleettest/treetest"
)

// The full diff is what git apply reads: applied, it makes the wanted tree.
func TestFullDiffApplies(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("NOT TESTED, that git applies the diff: no git here")
	}
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	plan := treetest.Compare(t, root, treetest.Generation("b"))
	cmd := exec.Command(git, "apply", "-")
	cmd.Dir, cmd.Stdin = root, strings.NewReader(plan.FullDiff())
	cmd.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(root))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if left := treetest.Compare(t, root, treetest.Generation("b")); !left.Empty() {
		t.Errorf("still differs: %v", treetest.Causes(left))
	}
}
