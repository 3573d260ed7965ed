package main

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"kasou/pipelines/conform"
	loaded "kasou/pipelines/fleet"
)

// tools are the paths of what is timed.
type tools struct{ helm, kubeconform, kubeseal, kasou string }

// buildTools compiles the tools of go.mod, and kasou, which has the same ones
// built in.
func buildTools(ctx context.Context, dir string) (tools, error) {
	bin := filepath.Join(dir, "bin")
	build := exec.CommandContext(ctx, "go", "build", "-o", bin+string(filepath.Separator), "kasou",
		"helm.sh/helm/v3/cmd/helm", "github.com/yannh/kubeconform/cmd/kubeconform", "github.com/bitnami-labs/sealed-secrets/cmd/kubeseal")
	if out, err := build.CombinedOutput(); err != nil {
		return tools{}, fmt.Errorf("go build: %w\n%s", err, out)
	}
	at := func(name string) string { return filepath.Join(bin, name) }
	return tools{helm: at("helm"), kubeconform: at("kubeconform"), kubeseal: at("kubeseal"), kasou: at("kasou")}, nil
}

// kubernetesVersion is the hosts'.
const kubernetesVersion = "1.34.1"

// testFleet is a generated repository.
type testFleet struct {
	root, chart string
	size        int
}

func newFleet(root, archive string, size int) (testFleet, error) {
	f := testFleet{root: root, chart: "charts/" + filepath.Base(archive), size: size}
	data, err := os.ReadFile(archive)
	if err != nil {
		return f, err
	}
	certificate, err := selfSigned()
	if err != nil {
		return f, err
	}
	files := map[string][]byte{
		f.chart:                       data,
		"clusters/sealed-secrets.crt": certificate,
		"clusters/fleet.yaml": fmt.Appendf(nil, `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://git.example.com/platform.git"}
  host: {kubernetesVersion: %s, serviceCIDR: 10.96.0.0/16}
  sealing: {certificate: sealed-secrets.crt}
`, kubernetesVersion),
	}
	for i := range size {
		files["clusters/"+f.name(i)+"/spec.yaml"] = f.spec(i, "")
	}
	for name, data := range files {
		if err := write(filepath.Join(root, name), data); err != nil {
			return f, err
		}
	}
	return f, nil
}

func write(file string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}

func (f testFleet) name(i int) string { return fmt.Sprintf("team-%05d", i) }

// spec differs between clusters, in what a vcluster is told and in its ingress.
func (f testFleet) spec(i int, suffix string) []byte {
	return fmt.Appendf(nil, `apiVersion: kasou/v1
kind: VirtualCluster
metadata: {name: %s}
spec:
  chart: {path: %s}
  serviceCIDR: 10.%d.0.0/16
  ingress: {enabled: true, host: t%d%s.k8s.example.com, className: nginx}
`, f.name(i), f.chart, i%250, i, suffix)
}

// change edits one spec so that it asks for something that it never did.
func (f testFleet) change(round int) error {
	i := f.size / 2
	return write(filepath.Join(f.root, "clusters", f.name(i), "spec.yaml"), f.spec(i, fmt.Sprintf("-%d-%d", round, time.Now().UnixNano())))
}

// clear removes all that was generated, and all caches.
func (f testFleet) clear() error {
	for i := range f.size {
		for _, name := range []string{"manifests", "values.yaml", "lock.yaml"} {
			if err := os.RemoveAll(filepath.Join(f.root, "clusters", f.name(i), name)); err != nil {
				return err
			}
		}
	}
	for _, name := range []string{"clusters/root", "clusters/fleet.lock.yaml", ".cache"} {
		if err := os.RemoveAll(filepath.Join(f.root, name)); err != nil {
			return err
		}
	}
	return nil
}

func (f testFleet) cache() string { return "KASOU_CACHE=" + filepath.Join(f.root, ".cache") }

// schemaLocations gives what kasou validates against, for kubeconform's flag.
func (f testFleet) schemaLocations() ([]string, error) {
	fleet, findings, err := loaded.Load(f.root, "clusters")
	if err != nil || findings.Failed() {
		return nil, fmt.Errorf("the fleet does not load: %w %v", err, findings)
	}
	schemas, _, err := conform.Open(fleet, filepath.Join(f.root, "schemas"))
	var flags []string
	for _, location := range schemas.Locations {
		flags = append(flags, "-schema-location", location)
	}
	return flags, err
}

// secrets gives the rendered files below dir that hold a Secret.
func secrets(dir string) ([]string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if strings.Contains(string(data), "\nkind: Secret\n") {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

// selfSigned makes a certificate as the Sealed Secrets controller does.
func selfSigned() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "kasou bench"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(10, 0, 0),
		KeyUsage: x509.KeyUsageEncipherOnly,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), err
}
