// Package argocd makes the objects by which Argo CD deploys a virtual cluster:
// its Namespace and its Application, and by which it knows the cluster once it
// is registered: its cluster Secret.
package argocd

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/tree"
)

// Extra is an object of kasou's own that an earlier stage asks for, such as the
// ConfigMap vc-cidr-NAME.
type Extra struct {
	// File is its name in the cluster's manifests folder, such as
	// vc-cidr.yaml.
	File string
	// Object is the Kubernetes object.
	Object map[string]any
}

// Objects returns kasou's own objects for c, by path from the repo's root:
// DIR/NAME/manifests/namespace.yaml, DIR/root/NAME.yaml, and extras beside the
// Namespace. In a shared namespace only the first sharer by name writes the
// Namespace. Findings are about the specs; the error is a wrong extra.
func Objects(f *fleet.Fleet, c fleet.Cluster, extras []Extra) (manifest.Set, finding.List, error) {
	sharers := sharersOf(f, c)
	files := manifest.Set{}
	at := layout.Of(f.Dir, c.Name)
	for _, e := range extras {
		if err := e.check(); err != nil {
			return nil, nil, err
		}
		if err := put(files, at.Manifest(e.File), c, e.Object); err != nil {
			return nil, nil, err
		}
	}
	if owns(c, sharers) {
		if err := put(files, at.Manifest(layout.Namespace), c, namespace(c)); err != nil {
			return nil, nil, err
		}
	}
	body, err := yaml.Marshal(application(f, c))
	if err != nil {
		return nil, nil, fmt.Errorf("application of %s: %w", c.Name, err)
	}
	files.Add(manifest.Application, at.Application(), tree.Stamp(c.File, body))
	return files, checkSharers(c, sharers), nil
}

func put(files manifest.Set, name string, c fleet.Cluster, object any) error {
	data, err := Marshal(c, object)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	files.Add(manifest.Namespace, name, data)
	return nil
}

// check refuses a file name that leaves the manifests folder, takes the
// Namespace's place, or that Argo CD would not read.
func (e Extra) check() error {
	if strings.ContainsAny(e.File, `/\`) || strings.HasPrefix(e.File, ".") ||
		!strings.HasSuffix(e.File, ".yaml") || e.File == layout.Namespace {
		return fmt.Errorf("extra object %q: the file must be a plain name that ends in .yaml, other than %s", e.File, layout.Namespace)
	}
	return nil
}

// Marshal returns an object of kasou's own as YAML, keys sorted, below the header
// that says which spec it comes from.
func Marshal(c fleet.Cluster, object any) ([]byte, error) {
	data, err := yaml.Marshal(object)
	if err != nil {
		return nil, err
	}
	return append(tree.Header(c.File), data...), nil
}
