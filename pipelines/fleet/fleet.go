package fleet

import (
	"crypto/sha256"
	"path"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
)

// Fleet is everything that people wrote, read and checked.
type Fleet struct {
	// Root is the repo's root: an absolute path.
	Root string
	// Dir is the clusters folder, slash-separated and relative to Root; "." is
	// not possible.
	Dir string
	// File is fleet.yaml, relative to Root.
	File string
	// Spec has its defaults filled in.
	Spec FleetSpec
	// Clusters are sorted by name.
	Clusters []Cluster
	// Retired are the names of folders that have a lock.yaml and no spec.yaml:
	// clusters that a person took away, whose generated files are still there.
	Retired []string
	// Cached says that what the files say is from a cache, which is not proven: nothing
	// may be written by it.
	Cached bool

	document *position.Document
	// text is the SHA-256 of fleet.yaml.
	text [sha256.Size]byte
	// sharers are the names of the clusters of each namespace of a host, where one of them
	// shares it.
	sharers map[place][]string
}

// Cluster is one spec.yaml with every default applied.
type Cluster struct {
	// Name is metadata.name and the folder's name.
	Name string
	// File is its spec.yaml, relative to the repo's root.
	File string
	// Spec has the fleet's and kasou's defaults filled in: Chart, Ingress,
	// ArgoCD and their pointers are never nil.
	Spec ClusterSpec

	document *position.Document
	// text is the SHA-256 of the file.
	text  [sha256.Size]byte
	fleet *Fleet
}

// TextDigest returns the digest of the texts that findings about the cluster point
// into: those of its spec.yaml and of fleet.yaml, comments and all.
func (c Cluster) TextDigest() string {
	all := c.text[:]
	if c.fleet != nil {
		all = append(slices.Clone(all), c.fleet.text[:]...)
	}
	return manifest.Digest(all)
}

// OwnInputs reports whether what is made of the cluster depends on nothing but its files: not
// on other clusters, or on values that only the run has.
func (c Cluster) OwnInputs() bool { return !c.Spec.ShareNamespace && len(c.Spec.ValuesFrom) == 0 }

// Finding returns a finding at path, such as "spec", "ingress", "host", in the
// cluster's spec.yaml. Where the spec has no such value, and its class or the fleet's
// defaults have it, it stands there in fleet.yaml.
func (c Cluster) Finding(severity finding.Severity, rule finding.Rule, path []string, message, hint string) finding.Finding {
	f := finding.Finding{
		File: c.File, Cluster: c.Name,
		Rule: rule, Severity: severity, Message: message, Hint: hint,
	}
	if c.document == nil {
		return f
	}
	own := c.document.Unfolded()
	path = spelled(own, path)
	if c.fleet != nil && c.fleet.document != nil && len(path) > 1 && path[0] == "spec" && !own.Has(path...) {
		for _, at := range inherited(c.fleet.Spec.Classes, c.Spec.Class, path) {
			if at = spelled(c.fleet.document, at); c.fleet.document.Has(at...) {
				f.File = c.fleet.File
				f.Line, f.Column = c.fleet.document.KeyAt(at...)
				return f
			}
		}
	}
	f.Line, f.Column = nearestKey(own, path)
	return f
}

// nearestKey returns the place of the last key of path, or of the nearest one
// above it that is there.
func nearestKey(d *position.Document, path []string) (line, column int) {
	for len(path) > 1 && !d.Has(path...) {
		path = path[:len(path)-1]
	}
	return d.KeyAt(path...)
}

// Text returns the text of fleet.yaml, or of a cluster's spec.yaml, as Load read it:
// findings point into that. It is nil for another file, by its path from the
// repo's root.
func (f *Fleet) Text(file string) []byte {
	if file == f.File && f.document != nil {
		return f.document.Text()
	}
	folder, name := path.Split(file)
	if c, ok := f.Cluster(path.Base(folder)); ok && name == layout.Spec && c.File == file && c.document != nil {
		return c.document.Text()
	}
	return nil
}

// Cluster returns the cluster of that name, and whether there is one.
func (f *Fleet) Cluster(name string) (Cluster, bool) {
	i, found := slices.BinarySearchFunc(f.Clusters, name, func(c Cluster, name string) int {
		return strings.Compare(c.Name, name)
	})
	if !found {
		return Cluster{}, false
	}
	return f.Clusters[i], true
}

// Names returns the names of all clusters, sorted.
func (f *Fleet) Names() []string {
	names := make([]string, len(f.Clusters))
	for i, c := range f.Clusters {
		names[i] = c.Name
	}
	return names
}

// Finding returns a finding at path in fleet.yaml.
func (f *Fleet) Finding(severity finding.Severity, rule finding.Rule, path []string, message, hint string) finding.Finding {
	found := finding.Finding{File: f.File, Rule: rule, Severity: severity, Message: message, Hint: hint}
	if f.document != nil {
		found.Line, found.Column = nearestKey(f.document, path)
	}
	return found
}
