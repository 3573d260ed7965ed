package seal

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"strings"
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
	der, problem := onlyCertificate(data)
	if problem != nil {
		return Certificate{}, finding.List{*problem}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return Certificate{}, finding.List{*broken("the PEM block is not a certificate: " + err.Error())}
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
func onlyCertificate(data []byte) ([]byte, *finding.Finding) {
	var blocks []*pem.Block
	var around []byte
	for rest := data; ; {
		block, after := pem.Decode(rest)
		if block == nil {
			around = append(around, rest...)
			break
		}
		around = append(around, outside(rest, after)...)
		blocks, rest = append(blocks, block), after
	}
	// Looked for first: it is the one mistake that cannot be mended by a new file.
	if bytes.Contains(data, []byte("PRIVATE KEY-----")) {
		return nil, privateKey()
	}
	switch {
	case len(blocks) == 0:
		return nil, notPEM(data)
	case blocks[0].Type != "CERTIFICATE":
		return nil, broken(fmt.Sprintf("the file holds a %q, not a certificate", blocks[0].Type))
	case len(blocks) > 1:
		return nil, broken(fmt.Sprintf("the file holds %d PEM blocks: kasou cannot know which one the controller uses", len(blocks)))
	case len(bytes.TrimSpace(around)) > 0:
		return nil, broken("the file holds text beside the certificate")
	}
	return blocks[0].Bytes, nil
}

// outside returns what stands before the block that was decoded from the start
// of rest.
func outside(rest, after []byte) []byte {
	before, _, found := bytes.Cut(rest[:len(rest)-len(after)], []byte("-----BEGIN "))
	if !found {
		return nil
	}
	return before
}

func notPEM(data []byte) *finding.Finding {
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return broken("the file is empty")
	case text[0] == '<':
		return broken("the file is a web page (HTML or XML): a proxy or a login page answered instead of the controller")
	case isDER(data):
		return broken("the certificate is in DER; convert it with `openssl x509 -inform der`")
	}
	return broken("the file holds no PEM certificate")
}

// isDER tells an ASN.1 sequence with a long length from text.
func isDER(data []byte) bool {
	return len(data) > 2 && data[0] == 0x30 && data[1] >= 0x80
}

func checkKey(c *x509.Certificate) finding.List {
	key, ok := c.PublicKey.(*rsa.PublicKey)
	if !ok {
		return finding.List{{Rule: RuleCertificateKey, Severity: finding.Error,
			Message: fmt.Sprintf("the sealing certificate holds a key of type %s; Sealed Secrets seals with RSA alone", c.PublicKeyAlgorithm),
			Hint:    fetchHint}}
	}
	if bits := key.N.BitLen(); bits < minimumBits {
		return finding.List{{Rule: RuleCertificateKey, Severity: finding.Error,
			Message: fmt.Sprintf("the sealing certificate's RSA key has %d bits; at least %d are needed", bits, minimumBits),
			Hint:    "Give the controller a stronger key. " + fetchHint}}
	}
	return nil
}

func checkValidity(c *x509.Certificate, now time.Time) finding.List {
	switch {
	case now.After(c.NotAfter):
		return finding.List{{Rule: RuleCertificateValidity, Severity: finding.Error,
			Message: "the sealing certificate expired on " + day(c.NotAfter), Hint: fetchHint}}
	case now.Before(c.NotBefore):
		return finding.List{{Rule: RuleCertificateValidity, Severity: finding.Error,
			Message: "the sealing certificate is not valid before " + day(c.NotBefore),
			Hint:    "Check this machine's clock. Where it is right: " + fetchHint}}
	case c.NotAfter.Sub(now) < expiringSoon:
		return finding.List{{Rule: RuleCertificateExpiring, Severity: finding.Warning,
			Message: "the sealing certificate expires on " + day(c.NotAfter), Hint: fetchHint}}
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

func broken(message string) *finding.Finding {
	return &finding.Finding{Rule: RuleCertificateFile, Severity: finding.Error, Message: message, Hint: fetchHint}
}

func privateKey() *finding.Finding {
	return &finding.Finding{Rule: RuleCertificatePrivateKey, Severity: finding.Error,
		Message: "the sealing certificate's file holds a private key",
		Hint:    "Whoever has that key can open every sealed value: take it out, give the controller a new key, and seal everything again."}
}
