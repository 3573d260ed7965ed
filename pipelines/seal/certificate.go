package seal

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"time"

	"kasou/pipelines/finding"
)

const (
	// minimumBits is the shortest RSA key that NIST still allows.
	minimumBits = 2048
	// expiringSoon leaves a month for a person to fetch the controller's next
	// certificate.
	expiringSoon = 30 * 24 * time.Hour
)

// Certificate is a sealing certificate that was checked.
type Certificate struct {
	// PEM is the file as it was read.
	PEM []byte
	// Fingerprint is "sha256:" and the hex SHA-256 of the public key (SPKI), so
	// that a certificate renewed for the same key counts as the same.
	Fingerprint string
	// NotBefore and NotAfter are the ends of its validity.
	NotBefore, NotAfter time.Time
}

// String names the certificate, and says until when it is valid.
func (c Certificate) String() string {
	return fmt.Sprintf("%s, valid until %s", c.Fingerprint, c.NotAfter.Format(time.DateOnly))
}

const fetchHint = "Run `kasou lock --certificate`, which asks the host's controller, or `kasou lock --certificate FILE` with one that you have."

// ParseCertificate reads exactly one PEM certificate and checks that it can
// seal at the time now. The findings name no file. The certificate is good
// only if none of them is an error.
func ParseCertificate(data []byte, now time.Time) (Certificate, finding.List) {
	der, problems := onlyCertificate(data)
	if len(problems) > 0 {
		return Certificate{}, problems
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return Certificate{}, broken("the PEM block is not a certificate: %v", err)
	}
	sum := sha256.Sum256(parsed.RawSubjectPublicKeyInfo)
	certificate := Certificate{
		PEM:         bytes.Clone(data),
		Fingerprint: "sha256:" + hex.EncodeToString(sum[:]),
		NotBefore:   parsed.NotBefore.UTC(), NotAfter: parsed.NotAfter.UTC(),
	}
	return certificate, append(checkKey(parsed), checkValidity(parsed, now)...)
}

// onlyCertificate returns the DER of the one certificate in data.
func onlyCertificate(data []byte) ([]byte, finding.List) {
	var blocks []*pem.Block
	var around []byte
	for rest := data; ; {
		block, after := pem.Decode(rest)
		if block == nil {
			around = append(around, rest...)
			break
		}
		if before, _, found := bytes.Cut(rest[:len(rest)-len(after)], []byte("-----BEGIN ")); found {
			around = append(around, before...)
		}
		blocks, rest = append(blocks, block), after
	}
	switch {
	// Looked for first: it is the one mistake that cannot be mended by a new file.
	case bytes.Contains(data, []byte("PRIVATE KEY-----")):
		return nil, about(RuleCertificatePrivateKey,
			"Whoever has that key can open every sealed value: take it out, give the controller a new key, and seal everything again.",
			"the sealing certificate's file holds a private key")
	case len(blocks) == 0:
		return nil, broken("%s", notPEM(data))
	case blocks[0].Type != "CERTIFICATE":
		return nil, broken("the file holds a %q, not a certificate", blocks[0].Type)
	case len(blocks) > 1:
		return nil, broken("the file holds %d PEM blocks: kasou cannot know which one the controller uses", len(blocks))
	case len(bytes.TrimSpace(around)) > 0:
		return nil, broken("the file holds text beside the certificate")
	}
	return blocks[0].Bytes, nil
}

// notPEM says what a file without a PEM block is.
func notPEM(data []byte) string {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0:
		return "the file is empty"
	case text[0] == '<':
		return "the file is a web page (HTML or XML): a proxy or a login page answered instead of the controller"
	case len(data) > 2 && data[0] == 0x30 && data[1] >= 0x80: // an ASN.1 sequence with a long length
		return "the certificate is in DER; convert it with `openssl x509 -inform der`"
	}
	return "the file holds no PEM certificate"
}

func checkKey(c *x509.Certificate) finding.List {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return about(RuleCertificateKey, fetchHint, "the sealing certificate holds a key of type %s; Sealed Secrets seals with RSA alone", c.PublicKeyAlgorithm)
	}
	if bits := key.N.BitLen(); bits < minimumBits {
		return about(RuleCertificateKey, "Give the controller a stronger key. "+fetchHint,
			"the sealing certificate's RSA key has %d bits; at least %d are needed", bits, minimumBits)
	}
	return nil
}

func checkValidity(c *x509.Certificate, now time.Time) finding.List {
	switch {
	case now.After(c.NotAfter):
		return about(RuleCertificateValidity, fetchHint, "the sealing certificate expired on %s", day(c.NotAfter))
	case now.Before(c.NotBefore):
		return about(RuleCertificateValidity, "Check this machine's clock. Where it is right: "+fetchHint,
			"the sealing certificate is not valid before %s", day(c.NotBefore))
	case c.NotAfter.Sub(now) < expiringSoon:
		soon := about(RuleCertificateExpiring, fetchHint, "the sealing certificate expires on %s", day(c.NotAfter))
		soon[0].Severity = finding.Warning
		return soon
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func broken(format string, args ...any) finding.List {
	return about(RuleCertificateFile, fetchHint, format, args...)
}

// about returns the one finding, an error, without a place.
func about(rule finding.Rule, hint, format string, args ...any) finding.List {
	return finding.List{{Rule: rule, Severity: finding.Error, Message: fmt.Sprintf(format, args...), Hint: hint}}
}
