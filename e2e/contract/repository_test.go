package contract

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kasou is the built command: what it writes is what is held to the engine.
var kasou string

func TestMain(m *testing.M) {
	flag.Parse()
	folder, err := os.MkdirTemp("", "kasou-contract")
	if err == nil {
		kasou = filepath.Join(folder, "kasou")
		build := exec.Command("go", "build", "-o", kasou, ".")
		build.Dir = filepath.Join("..", "..")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "contract:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// repository is a fleet in a temporary folder.
type repository struct{ root string }

func newRepository(t *testing.T) repository {
	t.Helper()
	r := repository{t.TempDir()}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, certificate := issue(t, "sealed-secrets", nil, nil, key, &key.PublicKey)
	r.write(t, "clusters/sealed-secrets.crt", string(certificate))
	r.write(t, "clusters/fleet.yaml", `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://git.example.com/platform.git"}
  host: {kubernetesVersion: 1.34.1, serviceCIDR: 10.96.0.0/16}
  sealing: {certificate: sealed-secrets.crt}
`)
	return r
}

func (r repository) path(file string) string { return filepath.Join(r.root, filepath.FromSlash(file)) }

func (r repository) write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(r.path(file)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(r.path(file), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// cluster writes a spec with the chart in charts/ARCHIVE; more are lines below
// spec.
func (r repository) cluster(t *testing.T, name, archive, more string) {
	t.Helper()
	chart := ""
	if archive != "" {
		data, err := os.ReadFile(filepath.Join(upstreamCharts(), archive))
		if err != nil {
			t.Fatal(err)
		}
		r.write(t, "charts/"+archive, string(data))
		chart = fmt.Sprintf("  chart: {path: charts/%s}\n", archive)
	} else if err := os.CopyFS(r.path("charts"), os.DirFS("../../charts")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	r.write(t, "clusters/"+name+"/spec.yaml", fmt.Sprintf(
		"apiVersion: kasou/v1\nkind: VirtualCluster\nmetadata: {name: %s}\nspec:\n%s  ingress: {enabled: true, host: %s.example.com}\n%s", name, chart, name, more))
}

// run runs kasou in the repository; it must succeed.
func (r repository) run(t *testing.T, arguments ...string) string {
	t.Helper()
	command := exec.Command(kasou, arguments...)
	command.Dir = r.root
	command.Env = append(os.Environ(), "XDG_CACHE_HOME="+r.path(".cache"))
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("kasou %s: %v\n%s", strings.Join(arguments, " "), err, output)
	}
	return string(output)
}

// register registers a cluster with a kubeconfig of its own.
func (r repository) register(t *testing.T, name string) {
	t.Helper()
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ca, caPEM := issue(t, "ca", nil, nil, caKey, &caKey.PublicKey)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, certificate := issue(t, "system:admin", ca, caKey, nil, &key.PublicKey)
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.StdEncoding.EncodeToString
	r.write(t, name+".kubeconfig", fmt.Sprintf(`apiVersion: v1
kind: Config
current-context: one
clusters: [{name: one, cluster: {server: "https://localhost:8443", certificate-authority-data: %s}}]
contexts: [{name: one, context: {cluster: one, user: one}}]
users: [{name: one, user: {client-certificate-data: %s, client-key-data: %s}}]
`, encode(caPEM), encode(certificate), encode(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))))
	r.run(t, "register", name, "--kubeconfig", name+".kubeconfig")
}

// issue makes a certificate: of itself where it has no parent.
func issue(t *testing.T, name string, parent *x509.Certificate, signer, own, public any) (*x509.Certificate, []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true, IsCA: parent == nil,
	}
	if parent == nil {
		template.KeyUsage |= x509.KeyUsageCertSign
		parent, signer = template, own
	} else {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// root is the app of apps.
func (r repository) rootApp() application {
	return application{name: "kasou", namespace: "argocd", folder: r.path("clusters/root")}
}

// app is the Application of a cluster, with the Prune option that kasou wrote.
func (r repository) app(t *testing.T, name string) application {
	t.Helper()
	a := application{name: name, namespace: name, folder: r.path("clusters/" + name + "/manifests")}
	text, err := os.ReadFile(r.path("clusters/root/" + name + ".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		if prune, ok := strings.CutPrefix(strings.TrimSpace(line), "- Prune="); ok {
			a.prune = prune
		}
	}
	return a
}

func upstreamCharts() string {
	if folder := os.Getenv("KASOU_UPSTREAM_CHARTS"); folder != "" {
		return folder
	}
	return filepath.Join("..", "..", "..", "..", "shared", "charts")
}
