package seal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strconv"
	"strings"

	"kasou/pipelines/fleet"
	"kasou/pipelines/lockfile"
	"kasou/pipelines/manifest"
)

// Statement is what whoever sealed a file says of it, in the open. Everyone can
// verify it with the public half of the KASOU_SEAL_KEY that signed it.
type Statement struct {
	// Cluster is the cluster's name, and Path the file's from the clusters folder.
	Cluster, Path string
	// Digest is that of the whole file, as manifest.Digest returns it.
	Digest string
	// Facts are the rest, as they stand in lock.yaml.
	Facts lockfile.SealLock
}

// statementPurpose begins what is signed, so that no other signature of the key
// passes for one of a statement.
const statementPurpose = "kasou seal statement v1"

// bytes returns what is signed: each field with its length before it.
func (s Statement) bytes() []byte {
	var data bytes.Buffer
	f := s.Facts
	writeFields(&data, statementPurpose, s.Cluster, s.Path, s.Digest,
		f.Kind, f.Server, f.Presented, f.CA, f.NotAfter, f.Certificate, f.Spec, strconv.FormatUint(f.Serial, 10))
	return data.Bytes()
}

// Sign returns the facts with their signature.
func (k *Key) Sign(s Statement) lockfile.SealLock {
	s.Facts.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(k.signing(), s.bytes()))
	return s.Facts
}

// Public returns the public half of the key, as fleet.yaml has it in
// sealing.publicKey.
func (k *Key) Public() string {
	public, _ := k.signing().Public().(ed25519.PublicKey)
	return fleet.FormatPublicKey(public)
}

// PublicKeys are the keys of which a signature counts.
type PublicKeys []ed25519.PublicKey

// Has reports whether the key's public half is among p.
func (p PublicKeys) Has(k *Key) bool {
	return slices.ContainsFunc(p, func(public ed25519.PublicKey) bool { return fleet.FormatPublicKey(public) == k.Public() })
}

// Verify reports whether one of the keys signed the statement.
func (p PublicKeys) Verify(s Statement) bool {
	signature, err := base64.StdEncoding.Strict().DecodeString(s.Facts.Signature)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(p, func(public ed25519.PublicKey) bool { return ed25519.Verify(public, s.bytes(), signature) })
}

// FingerprintCA returns "sha256:" and the hex SHA-256 over the certificates in
// PEM, in whatever order they stand; empty where there are none.
func FingerprintCA(data []byte) string {
	var sums []string
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			sum := sha256.Sum256(block.Bytes)
			sums = append(sums, hex.EncodeToString(sum[:]))
		}
	}
	if len(sums) == 0 {
		return ""
	}
	slices.Sort(sums)
	return manifest.Digest([]byte(strings.Join(slices.Compact(sums), "\n")))
}
