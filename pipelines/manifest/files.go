package manifest

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
)

// Files are file contents by path: slash-separated, relative to the repo's
// root unless a function says otherwise.
type Files map[string][]byte

// Paths returns the paths, sorted.
func (f Files) Paths() []string { return slices.Sorted(maps.Keys(f)) }

// Digest returns "sha256:" and the lower-case hex SHA-256 of data.
func Digest(data []byte) string {
	text := digest(data)
	return string(text[:])
}

// HasDigest reports whether want is the digest of data.
func HasDigest(data []byte, want string) bool {
	text := digest(data)
	return string(text[:]) == want
}

const digestPrefix = "sha256:"

func digest(data []byte) (text [len(digestPrefix) + 2*sha256.Size]byte) {
	sum := sha256.Sum256(data)
	copy(text[:], digestPrefix)
	hex.Encode(text[len(digestPrefix):], sum[:])
	return text
}
