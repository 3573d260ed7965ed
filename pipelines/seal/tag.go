package seal

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
)

// The three tags of a sealed document, each for one question. The names go
// into the hash, so that no tag passes for another.
const (
	// Is everything as kasou sealed it, and is this its plaintext?
	purposeWhole = "kasou seal tag v1"
	// Is this its plaintext, whatever became of the rest?
	purposePlaintext = "kasou seal plaintext v1"
	// Is everything as kasou sealed it? Asked without the plaintext.
	purposeDocument = "kasou seal document v1"
)

// contentKey is the key id of a tag whose key is the plaintext's own hash.
const contentKey = "content"

const tagVersion = "v1"

// keyOfTag returns the id of the key that a tag was made with; false for anything else
// than a tag.
func keyOfTag(tag string) (id string, ok bool) {
	parts := strings.Split(tag, " ")
	if len(parts) != 3 || parts[0] != tagVersion || len(parts[2]) != 2*sha256.Size {
		return "", false
	}
	_, err := hex.DecodeString(parts[2])
	return parts[1], err == nil
}

func sameTag(a, b string) bool { return hmac.Equal([]byte(a), []byte(b)) }

// subject is what a sealed document is about: all but plaintext, ciphertext
// and the record.
type subject struct {
	cluster, path         string
	namespace, name, kind string // kind is the Secret's type
	scope                 string
	template              string
	certificate           string
}

func (s subject) fields() []string {
	return []string{s.cluster, s.path, s.namespace, s.name, s.kind, s.scope, s.template, s.certificate}
}

// tagKey is a key with its id.
type tagKey struct {
	id    string
	bytes []byte
}

// environmentKey returns the key of KASOU_SEAL_KEY.
func environmentKey(k *Key) tagKey { return tagKey{"key-" + k.id(), k.derive("kasou seal tags v1")} }

// plaintextKey returns the hash of the plaintext as a key.
func plaintextKey(plaintext map[string][]byte) tagKey {
	h := sha256.New()
	writeFields(h, "kasou seal content key v1")
	for _, name := range slices.Sorted(maps.Keys(plaintext)) {
		writeFields(h, name, string(plaintext[name]))
	}
	return tagKey{contentKey, h.Sum(nil)}
}

// wholeTag covers the subject, then each value's name, plaintext and
// ciphertext.
func wholeTag(key tagKey, s subject, plaintext map[string][]byte, sealed map[string]string) string {
	m := key.mac(purposeWhole, s.fields()...)
	names := maps.Clone(sealed)
	for name := range plaintext {
		names[name] = sealed[name]
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		clear, known := plaintext[name]
		cipher, stands := sealed[name]
		writeFields(m, name, presence(known)+string(clear), presence(stands)+cipher)
	}
	return key.tag(m)
}

// plaintextTag covers the place and the plaintext, so that one plaintext in two
// places does not show.
func plaintextTag(key tagKey, s subject, plaintext map[string][]byte) string {
	m := key.mac(purposePlaintext, s.cluster, s.path)
	for _, name := range slices.Sorted(maps.Keys(plaintext)) {
		writeFields(m, name, string(plaintext[name]))
	}
	return key.tag(m)
}

// documentTag covers all that stands in the document, the other tags included.
func documentTag(key tagKey, s subject, sealed map[string]string, r record) string {
	m := key.mac(purposeDocument, s.fields()...)
	writeFields(m, r.place, r.sealedAt, r.notAfter, r.whole, r.plaintext)
	for _, name := range slices.Sorted(maps.Keys(sealed)) {
		writeFields(m, name, sealed[name])
	}
	return key.tag(m)
}

func (k tagKey) mac(purpose string, fields ...string) hash.Hash {
	m := hmac.New(sha256.New, k.bytes)
	writeFields(m, purpose)
	writeFields(m, fields...)
	return m
}

// tag returns a version, the key's id and the MAC, as manifest.Tag has them.
func (k tagKey) tag(m hash.Hash) string {
	return strings.Join([]string{tagVersion, k.id, hex.EncodeToString(m.Sum(nil))}, " ")
}

func presence(there bool) string {
	if there {
		return "+"
	}
	return "-"
}

// writeFields writes each field with its length before it, so that no two
// lists of fields give the same bytes. w is one whose Write never fails.
func writeFields(w io.Writer, fields ...string) {
	for _, f := range fields {
		_, _ = w.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f))))
		_, _ = io.WriteString(w, f)
	}
}
