package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"kasou/pipelines/conform"
	"kasou/pipelines/fleet"
)

// kubernetesVersion is that of the fleets' host.
const kubernetesVersion = "1.34.1"

// repo is a generated repository with a fleet in it.
type repo struct {
	root string
	// chart is the chart's path below the root.
	chart string
	size  int
	// mark is in every spec: no cache has seen two fleets with different ones.
	mark string
}

// newRepo writes a fleet of the size below root, with nothing built.
func newRepo(root, chart string, size int, mark string) (repo, error) {
	r := repo{root: root, chart: "charts/" + filepath.Base(chart), size: size, mark: mark}
	if err := copyChart(filepath.Join(root, filepath.FromSlash(r.chart)), chart); err != nil {
		return r, err
	}
	certificate, err := selfSigned()
	if err != nil {
		return r, err
	}
	if err := r.write("clusters/sealed-secrets.crt", certificate); err != nil {
		return r, err
	}
	err = r.write("clusters/fleet.yaml", fmt.Appendf(nil, `apiVersion: kasou/v1
kind: Fleet
spec:
  repository: {url: "https://git.example.com/platform.git"}
  host: {kubernetesVersion: %s, serviceCIDR: 10.96.0.0/16}
  sealing: {certificate: sealed-secrets.crt}
`, kubernetesVersion))
	for i := 0; i < size && err == nil; i++ {
		err = r.writeSpec(i, mark)
	}
	return r, err
}

// copyChart copies an archive or a folder.
func copyChart(to, from string) error {
	if info, err := os.Stat(from); err != nil || info.IsDir() {
		return os.CopyFS(to, os.DirFS(from))
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

func (r repo) write(file string, data []byte) error {
	path := filepath.Join(r.root, filepath.FromSlash(file))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o644)
}

func (r repo) name(i int) string { return fmt.Sprintf("team-%05d", i) }

// folder is where a cluster's files are.
func (r repo) folder(i int) string { return filepath.Join(r.root, "clusters", r.name(i)) }

// writeSpec writes the spec of one cluster: each has its own service range,
// ingress host and values.
func (r repo) writeSpec(i int, mark string) error {
	return r.write("clusters/"+r.name(i)+"/spec.yaml", fmt.Appendf(nil, `apiVersion: kasou/v1
kind: VirtualCluster
metadata: {name: %s}
spec:
  chart: {path: %s}
  serviceCIDR: 10.%d.%d.0/20
  ingress: {enabled: true, host: %s.%s.example.com, className: nginx}
  values: %s
`, r.name(i), r.chart, i/16%256, i%16*16, r.name(i), mark, values(r.chart, i)))
}

// values are raw chart values, in YAML. The charts up to 0.19 know other ones
// than those after them.
func values(chart string, i int) string {
	minor := 0
	if _, err := fmt.Sscanf(filepath.Base(chart), "vcluster-0.%d", &minor); err != nil || minor < 20 {
		return fmt.Sprintf("{storage: {size: %dGi}, vcluster: {resources: {limits: {memory: %dMi}}}}", 5+i%20, 1024+i%512)
	}
	return fmt.Sprintf("{sync: {toHost: {ingresses: {enabled: %t}, priorityClasses: {enabled: %t}}}, controlPlane: {statefulSet: {persistence: {volumeClaim: {size: %dGi}}}}}",
		i%2 == 0, i%3 == 0, 5+i%20)
}

// change edits one spec.
func (r repo) change() error { return r.writeSpec(r.size/2, r.mark+"-changed") }

// schemaLocations returns the flags by which kubeconform validates against the
// schemas that kasou uses. They are unpacked below dir.
func (r repo) schemaLocations(dir string) ([]string, error) {
	f, findings, err := fleet.Load(r.root, "clusters")
	if err != nil {
		return nil, err
	}
	if findings.Failed() {
		return nil, fmt.Errorf("the generated fleet is not right: %v", findings)
	}
	set, _, err := conform.Find(f, dir)
	if err != nil {
		return nil, err
	}
	schemas, err := set.Ready("")
	if err != nil {
		return nil, err
	}
	var flags []string
	for _, location := range schemas.Locations {
		flags = append(flags, "-schema-location", location)
	}
	return flags, nil
}

// selfSigned makes a certificate as the Sealed Secrets controller does: RSA
// with 4096 bits.
func selfSigned() ([]byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 4096)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sidebyside"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageEncipherOnly,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), nil
}

// chartName is what the tables call a chart.
func chartName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".tgz") }
