package bundle

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"kasou/pipelines/manifest"
)

// FilesDigest returns one digest for a set of files: of each path and content,
// with their lengths, in the order of their paths.
func FilesDigest(files manifest.Files) string {
	hash := sha256.New()
	field := func(data []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(data)))
		hash.Write(length[:])
		hash.Write(data)
	}
	for _, path := range files.Paths() {
		field([]byte(path))
		field(files[path])
	}
	return "sha256:" + hex.EncodeToString(hash.Sum(nil))
}
