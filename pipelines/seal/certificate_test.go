package seal_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"kasou/internal/sealtest"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/seal"
)

func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestParseCertificate(t *testing.T) {
	now := time.Now()
	pair := sealtest.NewKeyPair(t)
	rsaKey := pair.Private
	ecKey := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("GODEBUG", "rsa1024min=0")
	weak := must[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 1024))
	private := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)})
	block, _ := pem.Decode(pair.Certificate)
	year := 365 * 24 * time.Hour
	valid := func(signer, public any) string {
		return string(sealtest.Certify(t, signer, public, now.Add(-year), now.Add(year)))
	}
	good := string(pair.Certificate)
	tests := []struct {
		name, data string
		rule       finding.Rule
		want       string
	}{
		{"good", good, "", ""},
		{"good with CRLF", strings.ReplaceAll(good, "\n", "\r\n"), "", ""},
		{"expired", string(sealtest.Certify(t, rsaKey, &rsaKey.PublicKey, now.Add(-year), now.Add(-time.Hour))), seal.RuleCertificateValidity, "expired on"},
		{"not yet valid", string(sealtest.Certify(t, rsaKey, &rsaKey.PublicKey, now.Add(time.Hour), now.Add(year))), seal.RuleCertificateValidity, "not valid before"},
		{"29 days left", string(sealtest.Certify(t, rsaKey, &rsaKey.PublicKey, now.Add(-year), now.Add(29*24*time.Hour))), seal.RuleCertificateExpiring, "expires on"},
		{"weak", valid(weak, &weak.PublicKey), seal.RuleCertificateKey, "1024 bits"},
		{"EC", valid(ecKey, &ecKey.PublicKey), seal.RuleCertificateKey, "ECDSA"},
		{"Ed25519", valid(edKey, edKey.Public()), seal.RuleCertificateKey, "Ed25519"},
		{"two", good + good, seal.RuleCertificateFile, "2 PEM blocks"},
		{"private key", good + string(private), seal.RuleCertificatePrivateKey, "private key"},
		{"private key alone", string(private), seal.RuleCertificatePrivateKey, "private key"},
		{"cut private key", good + "-----BEGIN EC PRIVATE KEY-----\nMH", seal.RuleCertificatePrivateKey, "private key"},
		{"HTML", "<!DOCTYPE html><title>Log in</title>", seal.RuleCertificateFile, "web page"},
		{"empty", " \n", seal.RuleCertificateFile, "empty"},
		{"DER", string(block.Bytes), seal.RuleCertificateFile, "DER"},
		{"trailing garbage", good + "oops\n", seal.RuleCertificateFile, "text beside"},
		{"leading text", "subject=x\n" + good, seal.RuleCertificateFile, "text beside"},
		{"text", "hello", seal.RuleCertificateFile, "no PEM certificate"},
		{"cut", good[:len(good)/2], seal.RuleCertificateFile, "no PEM certificate"},
		{"request", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: block.Bytes})), seal.RuleCertificateFile, "CERTIFICATE REQUEST"},
		{"no X.509", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), seal.RuleCertificateFile, "not a certificate"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, found := seal.ParseCertificate([]byte(test.data), now)
			if test.rule == "" {
				if len(found) > 0 || !strings.HasPrefix(got.Fingerprint, "sha256:") || len(got.Fingerprint) != 7+64 {
					t.Fatalf("%v, %+v", found, got.Fingerprint)
				}
				return
			}
			if len(found) != 1 || found[0].Rule != test.rule || !strings.Contains(found[0].Message, test.want) || found[0].Hint == "" {
				t.Fatalf("found %v, want %s with %q", found, test.rule, test.want)
			}
			if wantError := test.rule != seal.RuleCertificateExpiring; found.Failed() != wantError {
				t.Errorf("failed: %v", found.Failed())
			}
		})
	}
}

func TestAllProblemsOfACertificateAtOnce(t *testing.T) {
	now := time.Now()
	key := must[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	_, found := seal.ParseCertificate(sealtest.Certify(t, key, &key.PublicKey, now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)), now)
	if len(found) != 2 {
		t.Errorf("found %v, want the key and the validity", found)
	}
}

func TestLoadCertificateStaysInTheClustersFolder(t *testing.T) {
	good := sealtest.NewKeyPair(t).Certificate
	root := t.TempDir()
	for name, data := range map[string][]byte{"clusters/a.crt": good, "outside.crt": good, "clusters/big.crt": bytes.Repeat([]byte("x"), 2<<20)} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("../outside.crt", filepath.Join(root, "clusters", "link.crt")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(root, "clusters", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a.crt": "", "../outside.crt": "cannot be read", "link.crt": "cannot be read", "none.crt": "no such file",
		"pipe": "not a regular file", "big.crt": "larger", ".": "not a regular file",
	} {
		t.Run(name, func(t *testing.T) {
			f := &fleet.Fleet{Root: root, Dir: "clusters", File: "clusters/fleet.yaml", Spec: fleet.FleetSpec{Sealing: &fleet.Sealing{Certificate: name}}}
			certificates, findings := seal.LoadCertificates(f, time.Now())
			certificate, found := certificates[name], findings[name]
			if want == "" {
				if certificate == nil || len(found) > 0 {
					t.Fatalf("%v", found)
				}
				return
			}
			if certificate != nil || len(found) != 1 || !strings.Contains(found[0].Message, want) {
				t.Fatalf("found %v, want %q", found, want)
			}
			if strings.Contains(found[0].Message, root) || found[0].File != "clusters/fleet.yaml" {
				t.Errorf("%s: %s", found[0].File, found[0].Message)
			}
		})
	}
}

func TestTheExamplesCertificate(t *testing.T) {
	f := &fleet.Fleet{Root: "../..", Dir: "clusters", Spec: fleet.FleetSpec{Sealing: &fleet.Sealing{Certificate: "sealed-secrets.crt"}}}
	certificates, findings := seal.LoadCertificates(f, time.Now())
	certificate, found := certificates["sealed-secrets.crt"], findings["sealed-secrets.crt"]
	if certificate == nil || len(found) > 0 {
		t.Fatal(found)
	}
	if left := time.Until(certificate.NotAfter); left < 50*365*24*time.Hour {
		t.Errorf("the example's certificate has %v left", left)
	}
}
