package pipelines

import (
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// digest returns the digest of what all clusters are built with and of the
// lock's own bytes: one with a comment more is not the lock that a build wrote.
func (m *memory) digest(lock *lockfile.Lock) string {
	return manifest.Digest([]byte(m.base + "\n" + lock.Text))
}
