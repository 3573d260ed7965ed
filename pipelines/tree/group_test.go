package tree

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"
)

// buildMany builds the clusters at once, in generation want.
func buildMany(d *Disk, want string, clusters []string) error {
	var all errgroup.Group
	for _, cluster := range clusters {
		all.Go(func() error { return buildOn(d, generationOf(cluster, want)) })
	}
	return all.Wait()
}

// together has the syncs of the disk shared, however few are at work, and gives
// false where this system or file system cannot.
func together(d *Disk) bool {
	d.group.written.Add(few)
	_, err := d.keep("clusters")
	return err == nil && d.group.sync != nil
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
		put(t, root, "clusters/"+name+"/spec.yaml", "spec: {}\n")
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
	d := at(t, root)
	if !together(d) {
		t.Skip("NOT TESTED, shared syncs: this file system has none to rely upon")
	}
	var h history
	real := d.group.sync
	waiting := make(chan struct{}, 1000)
	d.group.sync = sync.OnceValue(func() error { // the first waits for company
		for range 8 {
			<-waiting
		}
		return nil
	})
	first := d.group.sync
	d.group.sync = func() error {
		h.add("begin")
		defer h.add("end")
		return errors.Join(first(), real())
	}
	step = func(at string) {
		h.add(at)
		if strings.HasPrefix(at, "sync ") {
			waiting <- struct{}{}
		}
	}
	defer func() { step = func(string) {} }()
	if err := buildMany(d, "a", clusters); err != nil {
		t.Fatal(err)
	}
	syncs := 0
	for _, event := range h.events {
		if event == "end" {
			syncs++
		}
	}
	if syncs > 4*len(clusters)-8 {
		t.Errorf("%d syncs for %d clusters", syncs, len(clusters))
	}
	for _, cluster := range clusters {
		if got := phases(t, h.events, cluster); !slices.Equal(got, []string{"write", "sync", "intent", "sync", "files", "sync", "final", "sync"}) {
			t.Errorf("%s: %v", cluster, got)
		}
	}
}

// phases gives what the cluster did, in short, and fails where it went on before
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

// A sync that runs already may have passed over what a newcomer wrote.
func TestNewcomersWaitForTheNextSync(t *testing.T) {
	begun, release := make(chan int), make(chan struct{})
	calls := 0
	g := group{sync: func() error {
		calls++
		begun <- calls
		<-release
		return nil
	}}
	done := make(chan error, 3)
	go func() { done <- g.wait() }()
	<-begun
	for range 2 {
		go func() { done <- g.wait() }()
	}
	release <- struct{}{}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	for left := 2; left > 0; { // one more sync, or two: who comes when is open
		select {
		case <-begun:
			release <- struct{}{}
		case err := <-done:
			if left--; err != nil {
				t.Fatal(err)
			}
		}
	}
	if calls < 2 {
		t.Errorf("%d syncs", calls)
	}
}

// Linux tells of a file that could not be written in one sync only.
func TestAFailedSyncFailsAllThatFollow(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	g := group{sync: func() error { calls++; return broken }}
	for range 2 {
		if err := g.wait(); !errors.Is(err, broken) {
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
		if err := buildMany(at(t, root), want, clusters); err != nil {
			t.Fatal(err)
		}
		return snapshot(t, root)
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
		oldOrNew(t, label, before, after, snapshot(t, root))
		if diff := cmp.Diff(after, must(root, "b")); diff != "" {
			t.Fatalf("%s, after the next run (-want +got):\n%s", label, diff)
		}
	}
}

// A disk that takes no more data, and says so only when it is synced: a file
// system in a file, for which there is no room.
func TestDiskThatFailsToSync(t *testing.T) {
	backing, root := t.TempDir(), t.TempDir()
	if err := syscall.Mount("tmpfs", backing, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("NOT TESTED, a disk that fails: mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(backing, 0) })
	image := filepath.Join(backing, "image")
	for _, command := range [][]string{
		{"truncate", "-s", "16M", image},
		{"mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-N", "256", image},
		{"mount", "-o", "loop", image, root},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Skipf("NOT TESTED, a disk that fails: %v: %v: %s", command, err, out)
		}
	}
	t.Cleanup(func() { _ = syscall.Unmount(root, 0) })
	put(t, root, "clusters/dev/spec.yaml", "spec: {}\n")
	mustBuild(t, root, generation("a"))
	before := snapshot(t, root)
	filler := filepath.Join(backing, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	d := at(t, root)
	if !together(d) {
		t.Skip("NOT TESTED, a disk that fails: this system has no shared syncs")
	}
	w := generation("b")
	w.Files["clusters/dev/manifests/large.yaml"] = []byte(strings.Repeat("x", 4<<20))
	for _, when := range []string{"at first", "and from then on"} {
		if err := buildOn(d, w); err == nil || !strings.Contains(err.Error(), "sync the file system") {
			t.Errorf("%s: got %v", when, err)
		}
		if diff := cmp.Diff(before, snapshot(t, root)); diff != "" {
			t.Errorf("%s, touched:\n%s", when, diff)
		}
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	mustBuild(t, root, generation("b"))
}

// What is mounted within the clusters' place is not synced with the rest.
func TestOtherFileSystemWithin(t *testing.T) {
	clusters := clusterNames(1)
	root := manyRepo(t, clusters)
	within := filepath.Join(root, "clusters", "root")
	if err := os.Mkdir(within, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", within, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("NOT TESTED, a mount point: mounting a tmpfs needs root: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(within, 0) })
	d := at(t, root)
	if !together(d) {
		t.Skip("NOT TESTED, a mount point: this file system has no shared syncs")
	}
	var synced []string
	step = func(at string) {
		if strings.HasPrefix(at, "sync ") {
			synced = append(synced, at)
		}
	}
	defer func() { step = func(string) {} }()
	if err := buildMany(d, "a", clusters); err != nil {
		t.Fatal(err)
	}
	file := "sync clusters/root/" + clusters[0] + ".yaml"
	if !slices.Contains(synced, file) {
		t.Errorf("synced %v, not %s", synced, file)
	}
}

// childMany is what a child builds for "GENERATION CLUSTER...".
func childMany(root, want string) error {
	words := strings.Fields(want)
	d := At(root, "clusters")
	defer d.Close()
	together(d)
	return buildMany(d, words[0], words[1:])
}
