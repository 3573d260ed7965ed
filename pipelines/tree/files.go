// Package tree holds the wanted files as a value, compares them with the disk,
// and is the only place that writes them.
package tree

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
)

// Files are file contents by path: slash-separated, relative to the repo's
// root unless a function says otherwise.
type Files map[string][]byte

// Paths gives the paths, sorted.
func (f Files) Paths() []string { return slices.Sorted(maps.Keys(f)) }

// Digest gives "sha256:" and the lower-case hex SHA-256 of data.
func Digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}
