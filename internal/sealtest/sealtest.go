// Package sealtest has for tests what a Sealed Secrets controller has: key pairs,
// and a way to open what was sealed.
package sealtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"
)

// KeyPair is what a controller seals and unseals with.
type KeyPair struct {
	// Certificate in PEM, valid for ten years around the time of the test.
	Certificate []byte
	Private     *rsa.PrivateKey
}

// NewKeyPair makes an RSA 2048 key and its certificate.
func NewKeyPair(t testing.TB) KeyPair {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	return KeyPair{Certificate: Certify(t, key, &key.PublicKey, now.AddDate(-5, 0, 0), now.AddDate(5, 0, 0)), Private: key}
}

// Certify returns a certificate in PEM for a public key, self-signed where the
// signer is its private key.
func Certify(t testing.TB, signer, public any, notBefore, notAfter time.Time) []byte {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sealtest"},
		NotBefore: notBefore, NotAfter: notAfter, KeyUsage: x509.KeyUsageEncipherOnly,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// Unseal opens one SealedSecret in YAML as the controller does. It fails the
// test where the controller would refuse.
func (p KeyPair) Unseal(t testing.TB, document []byte) *corev1.Secret {
	t.Helper()
	var sealed ssv1alpha1.SealedSecret
	if err := yaml.UnmarshalStrict(document, &sealed); err != nil {
		t.Fatalf("not a SealedSecret: %v", err)
	}
	secret, err := sealed.Unseal(serializer.CodecFactory{}, map[string]*rsa.PrivateKey{"": p.Private})
	if err != nil {
		t.Fatalf("cannot unseal %s/%s: %v", sealed.Namespace, sealed.Name, err)
	}
	return secret
}

// Shape returns a SealedSecret in JSON, with the start of each
// ciphertext alone, which is its version: every sealing gives another one.
func Shape(t testing.TB, document []byte) map[string]any {
	t.Helper()
	var sealed map[string]any
	if err := json.Unmarshal(document, &sealed); err != nil {
		t.Fatalf("not JSON: %v", err)
	}
	spec, _ := sealed["spec"].(map[string]any)
	values, _ := spec["encryptedData"].(map[string]any)
	for name, value := range values {
		text, _ := value.(string)
		if len(text) < 300 {
			t.Errorf("%s is not a ciphertext: %q", name, text)
			continue
		}
		values[name] = text[:2]
	}
	return sealed
}
