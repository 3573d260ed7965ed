package seal

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// KeyEnv names the environment variable that holds the key of the tags.
const KeyEnv = "KASOU_SEAL_KEY"

const (
	keyBytes = 32
	// fewestBytes is how many different bytes a key must have. Of 2^100 random
	// keys none has fewer; keys made by hand often do.
	fewestBytes = 12
)

// Key authenticates what kasou sealed. It never leaves the run.
type Key struct{ bytes [keyBytes]byte }

// ParseKey reads the value of KASOU_SEAL_KEY: 32 bytes in hex or base64. An
// empty value returns nil: no key. The error never quotes the value.
func ParseKey(value string) (*Key, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return nil, nil
	}
	raw, ok := decodeKey(value)
	if !ok {
		return nil, fmt.Errorf("%s is neither hex nor base64; make one with `openssl rand -hex 32`", KeyEnv)
	}
	if len(raw) != keyBytes {
		return nil, fmt.Errorf("%s holds %d bytes, not %d; make one with `openssl rand -hex 32`", KeyEnv, len(raw), keyBytes)
	}
	different := map[byte]bool{}
	for _, b := range raw {
		different[b] = true
	}
	if len(different) < fewestBytes {
		return nil, fmt.Errorf("%s is not random: make one with `openssl rand -hex 32`", KeyEnv)
	}
	return &Key{bytes: [keyBytes]byte(raw)}, nil
}

func decodeKey(value string) ([]byte, bool) {
	if raw, err := hex.DecodeString(value); err == nil {
		return raw, true
	}
	plain := strings.TrimRight(value, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if raw, err := encoding.DecodeString(plain); err == nil {
			return raw, true
		}
	}
	return nil, false
}

// derive returns 32 bytes for one purpose (RFC 5869): what is used for one gives
// nothing away of another.
func (k *Key) derive(purpose string) []byte {
	out, err := hkdf.Key(sha256.New, k.bytes[:], nil, purpose, keyBytes)
	if err != nil {
		panic(err) // it fails for an output of more than 8,160 bytes alone
	}
	return out
}

// signing returns the private key of signatures.
func (k *Key) signing() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(k.derive("kasou seal signature v1"))
}

// NewKey returns a random key as KASOU_SEAL_KEY takes it, in hex.
func NewKey() (string, error) {
	raw := make([]byte, keyBytes)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	return hex.EncodeToString(raw), nil
}

// id tells keys apart without giving them away. The key has 256 bits, so its
// hash cannot be searched.
func (k *Key) id() string {
	sum := sha256.Sum256(append([]byte("kasou seal key id v1\x00"), k.bytes[:]...))
	return hex.EncodeToString(sum[:4])
}

// Fingerprint returns 16 hex digits that change when the value does, and that
// nobody without the key can search. cluster and path say what the value is
// for, so that one value in two places does not show.
func (k *Key) Fingerprint(cluster, path, value string) string {
	m := environmentKey(k).mac("kasou value fingerprint v1", cluster, path, value)
	return hex.EncodeToString(m.Sum(nil)[:8])
}

// String and GoString keep the key out of any message that prints it.
func (k *Key) String() string { return "(" + KeyEnv + ")" }

// GoString is for %#v.
func (k *Key) GoString() string { return k.String() }
