package fleettest

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"
)

// Kubeconfig is what a vcluster exports.
type Kubeconfig struct {
	Data []byte
	// CA, Certificate and Key are in PEM, as in Data.
	CA, Certificate, Key []byte

	ca    *x509.Certificate
	caKey *ecdsa.PrivateKey
}

// NewKubeconfig makes one with a CA and a client certificate of its own, valid
// for a year.
func NewKubeconfig(t testing.TB) Kubeconfig {
	t.Helper()
	caKey, ca, caPEM := certificate(t, "virtual-ca", nil, nil, nil)
	return issue(t, ca, caKey, caPEM, "")
}

// At makes one that says that the cluster is reached at the server.
func (k Kubeconfig) At(t testing.TB, server string) Kubeconfig {
	t.Helper()
	return issue(t, k.ca, k.caKey, k.CA, server)
}

func issue(t testing.TB, ca *x509.Certificate, caKey *ecdsa.PrivateKey, caPEM []byte, server string) Kubeconfig {
	t.Helper()
	key, _, certPEM := certificate(t, "system:admin", ca, caKey, []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth})
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	k := Kubeconfig{ca: ca, caKey: caKey, CA: caPEM, Certificate: certPEM, Key: pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})}
	encode := base64.StdEncoding.EncodeToString
	k.Data = fmt.Appendf(nil, `apiVersion: v1
kind: Config
current-context: my-vcluster
clusters:
- name: my-vcluster
  cluster: {server: %q, certificate-authority-data: %s}
contexts:
- name: my-vcluster
  context: {cluster: my-vcluster, user: my-vcluster}
users:
- name: my-vcluster
  user: {client-certificate-data: %s, client-key-data: %s}
`, cmp.Or(server, "https://localhost:8443"), encode(k.CA), encode(k.Certificate), encode(k.Key))
	return k
}

func certificate(t testing.TB, name string, parent *x509.Certificate, signer *ecdsa.PrivateKey, usage []x509.ExtKeyUsage) (*ecdsa.PrivateKey, *x509.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: usage,
		BasicConstraintsValid: true, IsCA: parent == nil,
	}
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, parsed, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Rotated makes another client certificate of the same CA, as a vcluster does
// when it renews its own.
func (k Kubeconfig) Rotated(t testing.TB) Kubeconfig {
	t.Helper()
	return issue(t, k.ca, k.caKey, k.CA, "")
}
