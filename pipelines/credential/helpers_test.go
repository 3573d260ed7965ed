package credential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"kasou/pipelines/finding"
)

var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// identity is a certificate with its key, in PEM.
type identity struct {
	cert, key []byte
	parsed    *x509.Certificate
	signer    crypto.Signer
}

type keyKind string

func newKey(t testing.TB, kind keyKind) (crypto.Signer, []byte) {
	t.Helper()
	var key crypto.Signer
	var err error
	switch kind {
	case "rsa":
		key, err = rsa.GenerateKey(rand.Reader, 2048)
	case "ecdsa", "ecdsa-pkcs8":
		key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case "ed25519":
		_, key, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key, keyPEM(t, kind, key)
}

func keyPEM(t testing.TB, kind keyKind, key crypto.Signer) []byte {
	t.Helper()
	block := &pem.Block{Type: "PRIVATE KEY"}
	var err error
	switch kind {
	case "rsa":
		block.Type, block.Bytes = "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey))
	case "ecdsa":
		block.Type = "EC PRIVATE KEY"
		block.Bytes, err = x509.MarshalECPrivateKey(key.(*ecdsa.PrivateKey))
	default:
		block.Bytes, err = x509.MarshalPKCS8PrivateKey(key)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

// issue makes a certificate; parent is nil for one that signs itself.
func issue(t testing.TB, kind keyKind, parent *identity, change func(*x509.Certificate)) *identity {
	t.Helper()
	key, asPEM := newKey(t, kind)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if change != nil {
		change(template)
	}
	issuer, signer := template, key
	if parent != nil {
		issuer, signer = parent.parsed, parent.signer
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &identity{pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), asPEM, parsed, key}
}

func authority(t testing.TB, change func(*x509.Certificate)) *identity {
	return issue(t, "ecdsa", nil, func(c *x509.Certificate) {
		c.IsCA, c.BasicConstraintsValid, c.KeyUsage = true, true, x509.KeyUsageCertSign
		c.NotAfter = now.AddDate(10, 0, 0)
		if change != nil {
			change(c)
		}
	})
}

func forClients(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }

func client(t testing.TB, kind keyKind, ca *identity, change func(*x509.Certificate)) *identity {
	return issue(t, kind, ca, func(c *x509.Certificate) {
		forClients(c)
		if change != nil {
			change(c)
		}
	})
}

func b64(data []byte) string { return base64.StdEncoding.EncodeToString(data) }

// kubeconfigOf writes one, with the fields of its cluster and user.
func kubeconfigOf(name string, cluster, user map[string]string) string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: Config\npreferences: {}\nclusters:\n- name: " + name + "\n  cluster:\n    server: https://localhost:8443\n")
	write := func(fields map[string]string) {
		for key, value := range fields {
			b.WriteString("    " + key + ": " + value + "\n")
		}
	}
	write(cluster)
	b.WriteString("contexts:\n- name: " + name + "\n  context: {cluster: " + name + ", user: " + name + "}\ncurrent-context: " + name + "\nusers:\n- name: " + name + "\n  user:\n    extensions: []\n")
	write(user)
	return b.String()
}

func pairOf(id *identity) map[string]string {
	return map[string]string{"client-certificate-data": b64(id.cert), "client-key-data": b64(id.key)}
}

func caOf(ca *identity) map[string]string {
	return map[string]string{"certificate-authority-data": b64(ca.cert)}
}

func with(fields map[string]string, key, value string) map[string]string {
	out := map[string]string{}
	for k, v := range fields {
		out[k] = v
	}
	if out[key] = value; value == "" {
		delete(out, key)
	}
	return out
}

func messages(found finding.List) []string {
	var out []string
	for _, f := range found {
		out = append(out, f.Message, f.Hint)
	}
	return out
}
