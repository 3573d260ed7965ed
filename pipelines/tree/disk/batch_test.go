package disk_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"kasou/internal/fleettest/treetest"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

// buildMany builds the clusters in one batch, in generation want.
func buildMany(d *disk.Disk, want string, clusters []string) error {
	var plans []tree.Plan
	for _, cluster := range clusters {
		plan, found, err := tree.Compare(context.Background(), d, treetest.GenerationOf(cluster, want))
		if err != nil || len(found) > 0 {
			return fmt.Errorf("%v, %w", found, err)
		}
		plans = append(plans, plan)
	}
	return errors.Join(tree.WriteAll(context.Background(), d, plans)...)
}

func clusterNames(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprintf("many-%02d", i))
	}
	return names
}

func manyRepo(t *testing.T, clusters []string) string {
	t.Helper()
	root := t.TempDir()
	for _, name := range clusters {
		treetest.Put(t, root, "clusters/"+name+"/spec.yaml", "spec: {}\n")
	}
	return root
}

// history is what happened, in order.
type history struct {
	mu     sync.Mutex
	events []string
}

func (h *history) add(event string) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events = append(h.events, event)
	return len(h.events)
}

// Between all that a cluster wrote and what it does next lies a whole sync, which
// it shares with others.
func TestSyncsAreSharedAndInOrder(t *testing.T) {
	clusters := clusterNames(24)
	root := manyRepo(t, clusters)
	d := treetest.At(t, root)
	if !d.Share() {
		t.Skip("NOT TESTED, shared syncs: this file system has none to rely upon")
	}
	var h history
	d.OnSync(func(real func() error) error {
		h.add("begin")
		defer h.add("end")
		return real()
	})
	defer disk.OnStep(func(at string) { h.add(at) })()
	if err := buildMany(d, "a", clusters); err != nil {
		t.Fatal(err)
	}
	syncs := 0
	for _, event := range h.events {
		if event == "end" {
			syncs++
		}
	}
	if syncs != 4 {
		t.Errorf("%d syncs for %d clusters", syncs, len(clusters))
	}
	for _, cluster := range clusters {
		if got := phases(t, h.events, cluster); !slices.Equal(got, []string{"write", "sync", "intent", "sync", "files", "sync", "final", "sync"}) {
			t.Errorf("%s: %v", cluster, got)
		}
	}
}

// phases returns what the cluster did, in short, and fails where it went on before
// a sync was over that began after it had asked.
func phases(t *testing.T, events []string, cluster string) []string {
	t.Helper()
	var did []string
	asked, began, synced := false, false, false
	locks := 0
	for _, event := range events {
		switch event {
		case "begin":
			began = asked
		case "end":
			synced = synced || began
		}
		verb, target, _ := strings.Cut(event, " ")
		if !strings.Contains(target, cluster) {
			continue
		}
		if asked && !synced {
			t.Errorf("%s: %s before the sync", cluster, event)
		}
		asked, began, synced = verb == "sync", false, false
		isLock := strings.HasSuffix(target, "/lock.yaml")
		what := map[bool]string{false: "files", true: "intent"}[isLock]
		switch {
		case verb == "sync":
			what = "sync"
		case verb != "rename":
			what = "write"
		case isLock:
			if locks++; locks == 2 {
				what = "final"
			}
		}
		if len(did) == 0 || did[len(did)-1] != what {
			did = append(did, what)
		}
	}
	if asked && !synced {
		t.Errorf("%s: returned before the sync", cluster)
	}
	return did
}

// Linux tells of a file that could not be written in one sync only.
func TestAFailedSyncFailsAllThatFollow(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	for _, err := range disk.SyncTwice(func() error { calls++; return broken }) {
		if !errors.Is(err, broken) {
			t.Errorf("got %v", err)
		}
	}
	if calls != 1 {
		t.Errorf("%d syncs", calls)
	}
}

// A process that dies while many clusters are being written leaves each as it
// leaves one.
func TestKilledAmongMany(t *testing.T) {
	clusters := clusterNames(6)
	from := manyRepo(t, clusters)
	must := func(root, want string) map[string]string {
		t.Helper()
		if err := buildMany(treetest.At(t, root), want, clusters); err != nil {
			t.Fatal(err)
		}
		return treetest.Snapshot(t, root)
	}
	before := must(from, "a")
	clean := filepath.Join(t.TempDir(), "repo")
	if err := os.CopyFS(clean, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	after := must(clean, "b")
	for dies := 1; ; dies += 11 {
		root := filepath.Join(t.TempDir(), "repo")
		if err := os.CopyFS(root, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		if !killed(t, root, strings.Join(append([]string{"b"}, clusters...), " "), dies) {
			if dies < 100 {
				t.Errorf("only %d steps", dies)
			}
			break
		}
		label := fmt.Sprintf("killed at step %d", dies)
		oldOrNew(t, label, before, after, treetest.Snapshot(t, root))
		if diff := cmp.Diff(after, must(root, "b")); diff != "" {
			t.Fatalf("%s, after the next run (-want +got):\n%s", label, diff)
		}
	}
}

// childMany is what a child builds for "GENERATION CLUSTER...".
func childMany(root, want string) error {
	words := strings.Fields(want)
	d := disk.At(root, "clusters")
	defer d.Close()
	d.Share()
	return buildMany(d, words[0], words[1:])
}

// One changed spec must not wait for all that a machine has left to write.
func TestFewAreSyncedByThemselves(t *testing.T) {
	clusters := clusterNames(disk.Few + 1)
	d := treetest.At(t, manyRepo(t, clusters))
	whole := 0
	if !d.OnSync(func(real func() error) error { whole++; return real() }) {
		t.Skip("NOT TESTED, shared syncs: this file system has none to rely upon")
	}
	if err := buildMany(d, "a", clusters[:disk.Few]); err != nil || whole != 0 {
		t.Errorf("the file system was synced %d times for %d clusters, %v", whole, disk.Few, err)
	}
	if err := buildMany(d, "a", clusters[disk.Few:]); err != nil || whole == 0 {
		t.Errorf("the file system was synced %d times for one more, %v", whole, err)
	}
}

// Two processes that write the same clusters, in another order.
func TestProcessesDoNotWaitForEachOther(t *testing.T) {
	clusters := clusterNames(8)
	root := manyRepo(t, clusters)
	plans := []tree.Plan{}
	for _, cluster := range clusters {
		plans = append(plans, treetest.Compare(t, root, treetest.GenerationOf(cluster, "a")))
	}
	back := slices.Clone(plans)
	slices.Reverse(back)
	var all errgroup.Group
	for _, order := range [][]tree.Plan{plans, back} {
		d := treetest.At(t, root)
		d.Share()
		all.Go(func() error { return errors.Join(tree.WriteAll(t.Context(), d, order)...) })
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}

// One cluster that cannot be written leaves the others of its batch alone.
func TestOneOfABatchFails(t *testing.T) {
	clusters := clusterNames(4)
	root := manyRepo(t, clusters)
	plans := []tree.Plan{}
	for _, cluster := range clusters {
		plans = append(plans, treetest.Compare(t, root, treetest.GenerationOf(cluster, "a")))
	}
	treetest.Put(t, root, "clusters/"+clusters[1]+"/values.yaml", "somebody was faster\n")
	for i, err := range tree.WriteAll(t.Context(), treetest.At(t, root), plans) {
		if (i == 1) != errors.Is(err, disk.ErrChanged) || i != 1 && err != nil {
			t.Errorf("%s: %v", clusters[i], err)
		}
	}
}
