//go:build !linux || portable

package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/gofrs/flock"
)

// device returns the file system that a file is on. Nobody asks for it here.
func device(fs.FileInfo) uint64 { return 0 }

// lock tries to lock the folder until what it returns is closed: nil where another
// process has the lock. It closes f.
func lock(f *os.File, alone bool) (io.Closer, error) {
	_ = f.Close() // it was only looked at
	// A folder cannot be opened for writing.
	mutex := flock.New(f.Name(), flock.SetFlag(os.O_RDONLY))
	try := mutex.TryRLock
	if alone {
		try = mutex.TryLock
	}
	if ok, err := try(); !ok || err != nil {
		return nil, errors.Join(err, mutex.Close())
	}
	return mutex, nil
}

// wholeSync returns nil: only Linux is known to have such a call.
func wholeSync(*os.File) func() error { return nil }
