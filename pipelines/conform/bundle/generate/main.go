// Command generate makes the schema bundles in ../data: one for each Kubernetes
// minor version, from the OpenAPI document in the Go module k8s.io/kubernetes, one from
// the CustomResourceDefinitions of other modules (all checked by the Go checksum
// database), and one from a folder of CustomResourceDefinitions.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"kasou/pipelines/conform/bundle"
	"kasou/pipelines/manifest"
)

// kubernetes are the versions that the bundles are made from: the newest patch
// of each minor version that the Go module proxy served when this was written.
var kubernetes = []string{
	"1.28.15", "1.29.15", "1.30.14", "1.31.14", "1.32.11",
	"1.33.7", "1.34.4", "1.35.4", "1.36.3", "1.37.2",
}

func main() {
	crds := flag.String("crds", "", "folder with the CRDs of Argo CD and Sealed Secrets; empty keeps the bundle that is there")
	out := flag.String("out", "data", "folder to write to")
	flag.Parse()
	if err := run(*crds, *out); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(crds, out string) error {
	entries, err := bundle.Manifest()
	if err != nil {
		return err
	}
	for _, version := range kubernetes {
		b, err := fromModule(version)
		if err != nil {
			return err
		}
		name := version[:strings.LastIndex(version, ".")]
		if entries[name], err = write(out, name, b); err != nil {
			return err
		}
	}
	extensions, err := fromModules()
	if err != nil {
		return err
	}
	if entries[bundle.Extensions], err = write(out, bundle.Extensions, extensions); err != nil {
		return err
	}
	if crds != "" {
		b, err := fromCRDs(crds)
		if err != nil {
			return err
		}
		if entries[bundle.Custom], err = write(out, bundle.Custom, b); err != nil {
			return err
		}
	}
	return writeManifest(out, entries)
}

// fromModule reads the OpenAPI document of one Kubernetes version.
func fromModule(version string) (*bundle.Bundle, error) {
	module := "k8s.io/kubernetes@v" + version
	dir, err := download(module)
	if err != nil {
		return nil, err
	}
	swagger, err := os.ReadFile(filepath.Join(dir, "api", "openapi-spec", "swagger.json"))
	if err != nil {
		return nil, err
	}
	return bundle.FromOpenAPI(module, swagger)
}

// download brings a Go module, and returns its folder.
func download(module string) (string, error) {
	command := exec.Command("go", "mod", "download", "-json", module)
	command.Dir = os.TempDir() // of no module: the folder it is called in says nothing of versions
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("go mod download %s: %w: %s", module, err, text)
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(text, &info); err != nil {
		return "", fmt.Errorf("go mod download %s: %w", module, err)
	}
	return info.Dir, nil
}

// extensions are the modules that have definitions of what charts and extras render,
// and where. The Gateway API's experimental channel has all that its standard one has,
// and TLSRoute's versions before v1, too.
var extensions = []struct {
	module string
	files  []string
}{
	{"github.com/cert-manager/cert-manager@v1.19.2", []string{"deploy/crds/cert-manager.io_certificates.yaml"}},
	{"github.com/prometheus-operator/prometheus-operator@v0.93.0", []string{"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml"}},
	{"sigs.k8s.io/external-dns@v0.20.0", []string{"config/crd/standard/dnsendpoints.externaldns.k8s.io.yaml"}},
	{"sigs.k8s.io/gateway-api@v1.5.1", []string{
		"config/crd/experimental/gateway.networking.k8s.io_backendtlspolicies.yaml",
		"config/crd/experimental/gateway.networking.k8s.io_gateways.yaml",
		"config/crd/experimental/gateway.networking.k8s.io_httproutes.yaml",
		"config/crd/experimental/gateway.networking.k8s.io_tlsroutes.yaml",
	}},
}

// fromModules reads the definitions of extensions.
func fromModules() (*bundle.Bundle, error) {
	b := &bundle.Bundle{}
	var modules []string
	for _, e := range extensions {
		dir, err := download(e.module)
		if err != nil {
			return nil, err
		}
		modules = append(modules, e.module)
		for _, file := range e.files {
			data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
			if err != nil {
				return nil, err
			}
			if err := b.AddCRD(data); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	b.Source = strings.Join(modules, ", ")
	b.Sort()
	return b, nil
}

func fromCRDs(folder string) (*bundle.Bundle, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	b := &bundle.Bundle{Source: "the CustomResourceDefinitions of Argo CD and Sealed Secrets"}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if err := b.AddCRD(data); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if len(b.Kinds) == 0 {
		return nil, errors.New("no CustomResourceDefinition in " + folder)
	}
	b.Sort()
	return b, nil
}

func write(out, name string, b *bundle.Bundle) (bundle.Entry, error) {
	content, err := b.Encode()
	if err != nil {
		return bundle.Entry{}, err
	}
	packed, err := bundle.Pack(content)
	if err != nil {
		return bundle.Entry{}, err
	}
	files, err := b.Files()
	if err != nil {
		return bundle.Entry{}, err
	}
	fmt.Printf("%s: %d kinds, %d KB, %d KB packed\n", name, len(b.Kinds), len(content)>>10, len(packed)>>10)
	entry := bundle.Entry{Source: b.Source, Content: manifest.Digest(content), Files: bundle.FilesDigest(files)}
	return entry, os.WriteFile(filepath.Join(out, name+".json.gz"), packed, 0o644)
}

func writeManifest(out string, entries map[string]bundle.Entry) error {
	text, err := json.MarshalIndent(entries, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "manifest.json"), append(text, '\n'), 0o644)
}
