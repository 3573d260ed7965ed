package tree

import (
	"sync"
	"sync/atomic"
)

const (
	// enough is how many clusters must be in the making for the whole file
	// system to be synced: for fewer, their own files are less work, whatever
	// else there is to write.
	enough = 4
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
	// writers counts who is at work.
	writers atomic.Int32
	// slots bound how many files are synced one by one.
	slots chan struct{}

	mu sync.Mutex
	// next is the round that still takes members; nil where there is none.
	next *round
	// turn is held by the round that is syncing.
	turn sync.Mutex
	// failed is why no sync can be trusted any more.
	failed error
}

// round is one sync, and those who wait for it.
type round struct {
	done chan struct{}
	err  error
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
	if g.sync == nil || g.writers.Load() < enough {
		return false
	}
	for _, f := range folders {
		if device, err := f.device(); err != nil || device != g.device {
			return false // something else is mounted here
		}
	}
	return true
}

// wait returns when all that was written before the call will last. Who comes
// while a sync runs waits for the next one, with all the others who do.
func (g *group) wait() error {
	g.mu.Lock()
	r := g.next
	first := r == nil
	if first {
		r = &round{done: make(chan struct{})}
		g.next = r
	}
	g.mu.Unlock()
	if first {
		g.run(r)
	}
	<-r.done
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
