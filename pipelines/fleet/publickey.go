package fleet

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

// publicKeyPrefix begins each of the keys in sealing.publicKey.
const publicKeyPrefix = "ed25519:"

// FormatPublicKey returns a key as sealing.publicKey has it.
func FormatPublicKey(key ed25519.PublicKey) string {
	return publicKeyPrefix + base64.StdEncoding.EncodeToString(key)
}

// ParsePublicKeys reads sealing.publicKey: one key, or several joined by commas.
// An empty text has none.
func ParsePublicKeys(text string) ([]ed25519.PublicKey, error) {
	if text == "" {
		return nil, nil
	}
	var keys []ed25519.PublicKey
	for part := range strings.SplitSeq(text, ",") {
		encoded, ok := strings.CutPrefix(part, publicKeyPrefix)
		raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
		switch {
		case !ok || err != nil:
			return nil, fmt.Errorf("has a key that is not %s and base64", publicKeyPrefix)
		case len(raw) != ed25519.PublicKeySize:
			return nil, fmt.Errorf("has a key of %d bytes, not %d", len(raw), ed25519.PublicKeySize)
		case slices.ContainsFunc(keys, func(k ed25519.PublicKey) bool { return string(k) == string(raw) }):
			return nil, errors.New("has a key twice")
		}
		keys = append(keys, raw)
	}
	return keys, nil
}

// PublicKeys returns the keys of which a signature counts; none where the fleet
// names none. The fleet's checks have made sure that they can be read.
func (s *Sealing) PublicKeys() []ed25519.PublicKey {
	if s == nil {
		return nil
	}
	keys, _ := ParsePublicKeys(s.PublicKey)
	return keys
}

func checkPublicKey(text string) *problem {
	if _, err := ParsePublicKeys(text); err != nil {
		return fail(RulePublicKey, err.Error(), "Write what `kasou lock --seal-key` shows; several keys are joined by commas, without spaces.")
	}
	return nil
}

// Anchors are what a fleet.yaml has others trust.
type Anchors struct {
	// PublicKeys are those of which a signature counts.
	PublicKeys []ed25519.PublicKey
	// Certificates are the files of the sealing certificates, from the clusters folder.
	Certificates []string
	// Images are those that tools run from, by the tools' names.
	Images map[string]string
	// Sources are those that specs may take values from beside a cluster's own.
	Sources []AllowedSource
}

// AnchorsIn returns those that the text of a fleet.yaml names, of another commit. The
// error says that it cannot be read.
func AnchorsIn(text []byte) (Anchors, error) {
	var file FleetFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		return Anchors{}, err
	}
	a := Anchors{PublicKeys: file.Spec.Sealing.PublicKeys(), Images: file.Spec.Toolchain.Images(), Sources: file.Spec.ValuesFrom.Allowed()}
	for _, c := range file.Spec.Certificates() {
		a.Certificates = append(a.Certificates, c.File)
	}
	return a, nil
}
