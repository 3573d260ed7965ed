// Command generate makes the schema bundles in ../data: one for each Kubernetes
// minor version, from the OpenAPI document in the Go module k8s.io/kubernetes
// (checked by the Go checksum database), and one from a folder of
// CustomResourceDefinitions.
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
	command := exec.Command("go", "mod", "download", "-json", module)
	command.Stderr = os.Stderr
	text, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go mod download %s: %w: %s", module, err, text)
	}
	var info struct{ Dir string }
	if err := json.Unmarshal(text, &info); err != nil {
		return nil, fmt.Errorf("go mod download %s: %w", module, err)
	}
	swagger, err := os.ReadFile(filepath.Join(info.Dir, "api", "openapi-spec", "swagger.json"))
	if err != nil {
		return nil, err
	}
	return bundle.FromOpenAPI(module, swagger)
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
