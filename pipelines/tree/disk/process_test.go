package disk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/finding"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

// The test binary runs itself again as a child that builds, and dies where it
// is told to.
const (
	childRoot = "KASOU_TEST_TREE_ROOT" // the repo's root
	childWant = "KASOU_TEST_TREE_WANT" // generation, "retire", or a generation and clusters
	childDies = "KASOU_TEST_TREE_DIES" // at which step, from 1; 0 never
)

func TestMain(m *testing.M) {
	if root := os.Getenv(childRoot); root != "" {
		if err := child(root); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func child(root string) error {
	left, err := strconv.Atoi(os.Getenv(childDies))
	if err != nil {
		return err
	}
	var mu sync.Mutex
	disk.OnStep(func(string) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	want := os.Getenv(childWant)
	if strings.Contains(want, " ") {
		return childMany(root, want)
	}
	return run(root, want)
}

// run builds the generation, or retires the cluster, until nobody was faster.
func run(root, want string) error {
	d := disk.At(root, "clusters")
	defer d.Close()
	for {
		plan, err := planOf(d, want)
		if err != nil {
			return err
		}
		if err := tree.Apply(context.Background(), d, plan); !errors.Is(err, disk.ErrChanged) {
			return err
		}
	}
}

func planOf(d *disk.Disk, want string) (tree.Plan, error) {
	var plan tree.Plan
	var findings finding.List
	var err error
	if want == "retire" {
		plan, findings, err = tree.Retire(context.Background(), d, "dev")
	} else {
		plan, findings, err = tree.Compare(context.Background(), d, treetest.Generation(want))
	}
	if err == nil && findings.Failed() {
		err = errors.New(findings[0].String())
	}
	return plan, err
}

func childCommand(t *testing.T, root, want string, dies int) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childRoot+"="+root, childWant+"="+want, childDies+"="+strconv.Itoa(dies))
	return cmd
}

// killed runs a child that dies at the step, and says whether it got there.
func killed(t *testing.T, root, want string, dies int) bool {
	t.Helper()
	out, err := childCommand(t, root, want, dies).CombinedOutput()
	if err == nil {
		return false
	}
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("step %d: %v\n%s", dies, err, out)
	}
	return true
}

// state prepares a repo by running the builds, once, and gives its files.
func state(t *testing.T, prepare func(root string)) (dir string, files map[string]string) {
	t.Helper()
	dir = treetest.Repo(t, map[string]string{"clusters/dev/notes.md": "mine\n"})
	prepare(dir)
	return dir, treetest.Snapshot(t, dir)
}

func TestKilledAtEveryStep(t *testing.T) {
	built := func(name string) func(string) {
		return func(root string) { treetest.Build(t, root, treetest.Generation(name)) }
	}
	retired := func(root string) { built("a")(root); treetest.Remove(t, root, "clusters/dev/spec.yaml") }
	for name, test := range map[string]struct {
		before, after func(root string)
		want          string
	}{
		"first build": {func(string) {}, built("a"), "a"},
		"rebuild":     {built("a"), func(root string) { built("a")(root); built("b")(root) }, "b"},
		"repair":      {func(root string) { built("a")(root); treetest.Remove(t, root, "clusters/dev/values.yaml") }, built("a"), "a"},
		"retire": {retired, func(root string) {
			retired(root)
			plan, _, err := tree.Retire(t.Context(), treetest.At(t, root), "dev")
			if err != nil {
				t.Fatal(err)
			}
			if err := tree.Apply(t.Context(), treetest.At(t, root), plan); err != nil {
				t.Fatal(err)
			}
		}, "retire"},
	} {
		t.Run(name, func(t *testing.T) {
			from, before := state(t, test.before)
			_, after := state(t, test.after)
			points := 1
			for ; ; points++ {
				root := filepath.Join(t.TempDir(), "repo")
				if err := os.CopyFS(root, os.DirFS(from)); err != nil {
					t.Fatal(err)
				}
				if !killed(t, root, test.want, points) {
					break
				}
				label := fmt.Sprintf("killed at step %d", points)
				oldOrNew(t, label, before, after, treetest.Snapshot(t, root))
				if test.want != "retire" {
					noHandEdits(t, label, root, test.want)
				}
				if err := run(root, test.want); err != nil {
					t.Fatalf("%s, next run: %v", label, err)
				}
				if diff := cmp.Diff(after, treetest.Snapshot(t, root)); diff != "" {
					t.Fatalf("%s, after the next run (-want +got):\n%s", label, diff)
				}
			}
			if points < 8 {
				t.Errorf("only %d points to die at", points)
			}
			t.Logf("died at %d points", points-1)
		})
	}
}

// oldOrNew holds every file to one of its two contents. lock.yaml has a third,
// the intent, and temporary files may lie about.
func oldOrNew(t *testing.T, label string, before, after, now map[string]string) {
	t.Helper()
	all := map[string]bool{}
	for _, m := range []map[string]string{before, after, now} {
		for p := range m {
			all[p] = true
		}
	}
	for p := range all {
		is, there := now[p]
		was, had := before[p]
		wanted, will := after[p]
		switch {
		case strings.HasPrefix(filepath.Base(p), disk.TempPrefix):
		case there == had && is == was, there == will && is == wanted:
		case path.Base(p) == "lock.yaml" && strings.Contains(is, "writing: true"):
			if _, err := lockfile.Parse([]byte(is)); err != nil {
				t.Errorf("%s: intent lock: %v", label, err)
			}
		default:
			t.Errorf("%s: %s is neither old nor new: %q", label, p, is)
		}
	}
}

func noHandEdits(t *testing.T, label, root, want string) {
	t.Helper()
	for p, cause := range treetest.Causes(treetest.Compare(t, root, treetest.Generation(want))) {
		if strings.HasSuffix(cause, string(tree.HandEdit)) {
			t.Errorf("%s: %s counts as edited by hand", label, p)
		}
	}
}

// After a kill the inputs may have changed again: whatever the next run wants,
// it gets.
func TestKilledAndThenWantedOtherwise(t *testing.T) {
	from, _ := state(t, func(root string) { treetest.Build(t, root, treetest.Generation("a")) })
	clean := map[string]map[string]string{}
	for _, next := range []string{"a", "c"} {
		_, clean[next] = state(t, func(root string) { treetest.Build(t, root, treetest.Generation(next)) })
	}
	for dies := 1; ; dies += 3 {
		root := filepath.Join(t.TempDir(), "repo")
		if err := os.CopyFS(root, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		if !killed(t, root, "b", dies) {
			break
		}
		next := []string{"a", "c"}[dies%2]
		treetest.Build(t, root, treetest.Generation(next))
		if diff := cmp.Diff(clean[next], treetest.Snapshot(t, root)); diff != "" {
			t.Fatalf("killed at step %d, then wanted %s (-want +got):\n%s", dies, next, diff)
		}
	}
}

// Processes that build one cluster at once, from different inputs: one of them
// is last, and the tree is all its.
func TestProcessesAtOnce(t *testing.T) {
	root := treetest.Repo(t, nil)
	treetest.Build(t, root, treetest.Generation("a"))
	var commands []*exec.Cmd
	for i := range 12 {
		cmd := childCommand(t, root, string(rune('a'+i%3)), 0)
		cmd.Stderr = &bytes.Buffer{}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		commands = append(commands, cmd)
	}
	for _, cmd := range commands {
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %s", err, cmd.Stderr)
		}
	}
	lock, findings, err := tree.ReadLock(treetest.At(t, root), "dev")
	if err != nil || lock == nil {
		t.Fatal(findings, err)
	}
	if plan := treetest.Compare(t, root, treetest.Generation(lock.Inputs)); !plan.Empty() {
		t.Errorf("a mix of builds: %v", treetest.Causes(plan))
	}
}

// Without permission to write, nothing is touched. Root may write everywhere,
// so a child of another user does it.
func TestNoPermission(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("NOT TESTED, missing permission: the child that must not write is another user, which needs root")
	}
	for _, locked := range []string{"clusters/dev/manifests/vcluster/templates", "clusters/root", "clusters/dev"} {
		t.Run(locked, func(t *testing.T) {
			root, err := os.MkdirTemp("", "kasou-permission-")
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(root)
			treetest.Put(t, root, "clusters/dev/spec.yaml", "spec: {}\n")
			treetest.Build(t, root, treetest.Generation("a"))
			before := treetest.Snapshot(t, root)
			const nobody = 65534
			give(t, root, nobody)
			full := filepath.Join(root, locked)
			if err := os.Chmod(full, 0o555); err != nil {
				t.Fatal(err)
			}
			cmd := asUser(t, root, nobody)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "permission denied") {
				t.Errorf("got %v: %s", err, out)
			}
			if diff := cmp.Diff(before, treetest.Snapshot(t, root)); diff != "" {
				t.Errorf("touched:\n%s", diff)
			}
		})
	}
}

func give(t *testing.T, root string, user int) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, _ os.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(p, user, user))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// asUser runs a copy of the test binary: the user may not reach the original.
func asUser(t *testing.T, root string, user uint32) *exec.Cmd {
	t.Helper()
	cmd := childCommand(t, root, "b", 0)
	data, err := os.ReadFile(cmd.Path)
	if err != nil {
		t.Fatal(err)
	}
	binary := root + ".test"
	if err := os.WriteFile(binary, data, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(binary) })
	cmd.Path, cmd.Args = binary, []string{binary}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	return cmd
}
