package tree

import (
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
)

// waiting gives how many wait for the next sync.
func (g *group) waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.next == nil {
		return 0
	}
	return g.next.members
}

// until returns once n wait for the next sync.
func until(t *testing.T, g *group, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); g.waiting() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d wait, not %d", g.waiting(), n)
		}
	}
}

// counted gives a group that counts its syncs.
func counted() (g *group, syncs *int) {
	syncs = new(int)
	return &group{crowd: crowd, sync: func() error { *syncs++; return nil }}, syncs
}

func TestASyncWaitsForThoseWhoMayJoin(t *testing.T) {
	g, syncs := counted()
	for range 3 {
		g.enter()
	}
	var all errgroup.Group
	all.Go(g.wait)
	until(t, g, 1)
	g.leave() // had nothing to write
	all.Go(g.wait)
	if err := all.Wait(); err != nil || *syncs != 1 {
		t.Errorf("%d syncs, %v", *syncs, err)
	}
}

func TestACrowdIsNotKeptWaiting(t *testing.T) {
	whole, half := At(t.TempDir(), "clusters"), At(t.TempDir(), "clusters")
	half.Company(crowd / 2)
	for d, n := range map[*Disk]int{whole: crowd, half: crowd / 2} {
		syncs := 0
		d.group.sync = func() error { syncs++; return nil }
		defer d.AtWork()() // never comes
		var all errgroup.Group
		for range n {
			d.group.enter()
			all.Go(d.group.wait)
		}
		if err := all.Wait(); err != nil || syncs != 1 {
			t.Errorf("%d syncs of %d, %v", syncs, n, err)
		}
	}
}

// One changed spec must not wait for all that a machine has left to write.
func TestFewAreSyncedByThemselves(t *testing.T) {
	clusters := clusterNames(few + 1)
	d := at(t, manyRepo(t, clusters))
	if _, err := d.keep("clusters"); err != nil || d.group.sync == nil {
		t.Skip("NOT TESTED, shared syncs: this file system has none to rely upon")
	}
	whole := 0
	real := d.group.sync
	d.group.sync = func() error { whole++; return real() }
	if err := buildMany(d, "a", clusters[:few]); err != nil || whole != 0 {
		t.Errorf("the file system was synced %d times for %d clusters, %v", whole, few, err)
	}
	if err := buildMany(d, "a", clusters[few:]); err != nil || whole == 0 {
		t.Errorf("the file system was synced %d times for one more, %v", whole, err)
	}
}

// Two processes that build the same clusters, in another order: each holds one,
// waits for the other of its own to join, and that one for the other process.
func TestProcessesDoNotWaitForEachOther(t *testing.T) {
	clusters := clusterNames(2)
	root := manyRepo(t, clusters)
	plans := []Plan{}
	for _, cluster := range clusters {
		plans = append(plans, mustCompare(t, root, generationOf(cluster, "a")))
	}
	var all errgroup.Group
	apply := func(d *Disk, p Plan) { all.Go(func() error { return d.Apply(t.Context(), p) }) }
	disks := []*Disk{at(t, root), at(t, root)}
	for i, d := range disks {
		if !together(d) {
			t.Skip("NOT TESTED, shared syncs: this file system has none to rely upon")
		}
		for range clusters {
			defer d.AtWork()()
		}
		apply(d, plans[i])
	}
	for _, d := range disks {
		until(t, &d.group, 1)
	}
	for i, d := range disks {
		apply(d, plans[1-i])
	}
	if err := all.Wait(); err != nil {
		t.Error(err)
	}
}
