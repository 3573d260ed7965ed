package tree

import (
	"sync"
	"sync/atomic"
)

const (
	// few is how many clusters of a run are synced file by file: one changed spec
	// must not wait for whatever else there is to write in the file system.
	few = 3
	// atOnce is how many files are synced at once, where each is synced by
	// itself: each takes a thread.
	atOnce = 64
)

// syncs makes last what was written, by one sync of the file system for a batch.
type syncs struct {
	// system makes last all that was written before it is called, in every folder
	// of the device. It is nil where there is no such call to be relied upon.
	system func() error
	device uint64
	// written counts the clusters that came to be written.
	written atomic.Int32
	// slots bound how many files are synced one by one.
	slots chan struct{}

	mu sync.Mutex
	// failed is why no sync can be trusted any more.
	failed error
}

// open prepares for the folder's file system, before anything is written there.
func (s *syncs) open(f *folder) {
	var err error
	if s.device, err = f.device(); err == nil {
		s.system = wholeSync(f)
	}
}

// covers reports whether a sync of the file system is the way to make the folders'
// contents last.
func (s *syncs) covers(folders []*folder) bool {
	if s.system == nil || s.written.Load() <= few {
		return false
	}
	for _, f := range folders {
		if device, err := f.device(); err != nil || device != s.device {
			return false // something else is mounted here
		}
	}
	return true
}

// whole returns when all that was written before the call will last. The system tells
// of a file that it could not write once, in the next sync, which may be another
// batch's: once one failed, all fail.
func (s *syncs) whole() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = s.system()
	}
	return s.failed
}
