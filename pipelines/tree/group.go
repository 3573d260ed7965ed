package tree

import (
	"sync"
	"sync/atomic"
)

const (
	// few is how many clusters of a run are synced file by file: one changed spec
	// must not wait for whatever else there is to write in the file system.
	few = 3
	// crowd is how many clusters a sync of the file system waits for, while more
	// of them may come, unless Disk.Company says otherwise. With 48 a cold build of
	// 1,000 took 7% longer; with 192 it was no faster.
	crowd = 128
	// atOnce is how many files are synced at once, where each is synced by
	// itself: each takes a thread.
	atOnce = 64
)

// group makes last what several writers wrote, by one sync of the file system
// for all that ask for it at the time.
type group struct {
	// sync makes last all that was written before it is called, in every folder
	// of the device. It is nil where there is no such call to be relied upon.
	sync   func() error
	device uint64
	// crowd is how many a round waits for.
	crowd int
	// written counts the clusters that came to be written.
	written atomic.Int32
	// slots bound how many files are synced one by one.
	slots chan struct{}

	mu sync.Mutex
	// busy counts the clusters in hand that wait for nobody else's work, so that
	// sooner or later each of them asks for a sync, or is done.
	busy int
	// next is the round that still takes members; nil where there is none.
	next *round
	// turn is held by the round that is syncing.
	turn sync.Mutex
	// failed is why no sync can be trusted any more.
	failed error
}

// round is one sync, and those who wait for it.
type round struct {
	members int
	begun   bool
	done    chan struct{}
	err     error
}

// open prepares for the folder's file system, before anything is written there.
func (g *group) open(f *folder) {
	var err error
	if g.device, err = f.device(); err == nil {
		g.sync = wholeSync(f)
	}
}

// covers says whether a sync of the file system is the way to make the folders'
// contents last.
func (g *group) covers(folders []*folder) bool {
	if g.sync == nil || g.written.Load() <= few {
		return false
	}
	for _, f := range folders {
		if device, err := f.device(); err != nil || device != g.device {
			return false // something else is mounted here
		}
	}
	return true
}

// enter counts a cluster as one that is at work, for whom the others wait; leave
// is its counterpart.
func (g *group) enter() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy++
}

func (g *group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy--
	g.begin()
}

// begin starts the sync that is waited for, once a crowd waits for it or nobody
// is left who could join. The caller holds mu.
func (g *group) begin() {
	if r := g.next; r != nil && !r.begun && (r.members >= g.crowd || g.busy <= 0) {
		r.begun = true
		go g.run(r)
	}
}

// wait returns when all that was written before the call will last. Who comes
// while a sync runs waits for the next one, with all the others who do.
func (g *group) wait() error {
	g.mu.Lock()
	r := g.next
	if r == nil {
		r = &round{done: make(chan struct{})}
		g.next = r
	}
	r.members++
	g.busy--
	g.begin()
	g.mu.Unlock()
	<-r.done
	g.enter()
	return r.err
}

// run syncs for the round, in its turn. The system tells of a file that it could
// not write once, in the next sync, and its writer may come only to the one after
// that: once failed, all fail.
func (g *group) run(r *round) {
	g.turn.Lock()
	defer g.turn.Unlock()
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	if g.failed == nil {
		g.failed = g.sync()
	}
	r.err = g.failed
	close(r.done)
}
