// Package extra reads a person's own manifests of a cluster,
// clusters/NAME/extra/*.yaml, and makes of them what stands in the cluster's
// manifests folder.
package extra

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
	"kasou/pipelines/manifest"
	"kasou/pipelines/position"
	"kasou/pipelines/tree"
	"kasou/pipelines/tree/disk"
)

// maxFile is the size in bytes from which a file is refused. An API server takes
// objects of up to 3 MiB.
const maxFile = 4 << 20

// fileName are names that mean the same on every file system.
var fileName = regexp.MustCompile(`^[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.yaml$`)

// Extras are a cluster's own manifests. The zero value has none.
type Extras struct {
	// Files are the texts, by path from the repo's root.
	Files manifest.Set
	// Objects are in the order of the files, each at the line of its kind.
	Objects []manifest.Document
}

// Digest returns the digest of all texts with their paths; empty where there are
// none.
func (e Extras) Digest() string {
	if len(e.Files) == 0 {
		return ""
	}
	var all strings.Builder
	for _, p := range e.Files.Paths() {
		fmt.Fprintf(&all, "%s %s\n", manifest.Digest(e.Files[p].Bytes), p)
	}
	return manifest.Digest([]byte(all.String()))
}

// Read reads the cluster's extra folder. A cluster without that folder has none.
// Findings are about the files; the error is the disk's.
func Read(d *disk.Disk, c fleet.Cluster) (Extras, finding.List, error) {
	v := d.View()
	defer v.Close()
	r := &reader{cluster: c, view: v, folder: layout.Of(d.Dir(), c.Name).Extra(), extras: Extras{Files: manifest.Set{}}}
	entries, err := v.List(r.folder)
	if _, obstacle := errors.AsType[*disk.Obstacle](err); obstacle {
		r.report(r.folder, 0, 0, RuleFile, "it is not a folder", "The cluster's own manifests are files in a folder "+layout.Extra+".")
		return Extras{}, r.findings, nil
	}
	if err != nil || len(entries) == 0 {
		return Extras{}, nil, err
	}
	for _, e := range entries {
		if err := r.entry(e); err != nil {
			return Extras{}, nil, err
		}
	}
	return r.extras, r.findings, nil
}

type reader struct {
	cluster  fleet.Cluster
	view     *disk.View
	folder   string
	extras   Extras
	findings finding.List
}

func (r *reader) report(file string, line, column int, rule finding.Rule, message, hint string) {
	r.findings = append(r.findings, finding.Finding{
		File: file, Line: line, Column: column, Cluster: r.cluster.Name, Rule: rule, Severity: finding.Error, Message: message, Hint: hint,
	})
}

func (r *reader) entry(e fs.DirEntry) error {
	name := path.Join(r.folder, e.Name())
	switch {
	case e.IsDir():
		r.report(name, 0, 0, RuleFile, "it is a folder, and kasou reads none below "+layout.Extra, "Move its files up.")
		return nil
	case !e.Type().IsRegular():
		r.report(name, 0, 0, RuleFile, "it is not a regular file", "Put a plain file in its place.")
		return nil
	case !fileName.MatchString(e.Name()):
		// A note beside the manifests is nobody's mistake.
		if path.Ext(e.Name()) != ".md" {
			r.report(name, 0, 0, RuleFile, "kasou does not read a file of this name",
				"Name it in lower case with .yaml at its end, such as network-policy.yaml, or take it out of the folder.")
		}
		return nil
	}
	info, err := e.Info()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size() > maxFile {
		r.report(name, 0, 0, RuleFile, fmt.Sprintf("it has %d bytes, and %d is the limit", info.Size(), maxFile), "An API server takes no object of that size.")
		return nil
	}
	data, err := r.view.Read(name)
	if err != nil {
		return err
	}
	r.read(name, bytes.Clone(data))
	return nil
}

// read takes a file apart, strictly: as every YAML parser reads it, or not at
// all.
func (r *reader) read(name string, data []byte) {
	f := manifest.Parse(manifest.Extra, name, data)
	if len(f.Documents) == 0 {
		r.report(name, 1, 1, RuleSyntax, "there is no object in it", "Write one, or remove the file.")
	}
	for i := range f.Documents {
		r.document(&f.Documents[i])
	}
	r.extras.Files[name] = f
}

// document takes one document, and reads it as Argo CD does: not strictly, as long as no key
// stands twice.
func (r *reader) document(d *manifest.Document) {
	name := d.File
	if d.Divided != nil {
		r.report(name, d.Divided.Line, 1, RuleSyntax, d.Divided.Message, "")
		return
	}
	at, err := position.Parse(d.Bytes, d.Line-1)
	if syntax, ok := errors.AsType[*position.SyntaxError](err); ok {
		r.report(name, syntax.Line, 1, RuleSyntax, "not valid YAML: "+syntax.Message, "Look at the indentation, quotes and colons of this line and of the one above.")
		return
	}
	if err != nil {
		r.report(name, d.Line, 1, RuleSyntax, "not valid YAML", "")
		return
	}
	if twice := at.Duplicates(); len(twice) > 0 {
		for _, key := range twice {
			r.report(name, key.Line, key.Column, RuleSyntax, fmt.Sprintf("duplicate key %q", key.Key), fmt.Sprintf("It stands in line %d already: keep one of the two.", key.FirstLine))
		}
		return
	}
	if d.Err != nil && !errors.Is(d.Err, manifest.ErrNotMapping) {
		if err := d.Override(); err != nil {
			r.unreadable(*d, at, err)
			return
		}
	}
	if d.Object == nil {
		r.report(name, d.Line, 1, RuleSyntax, "it is not a Kubernetes object", "Write apiVersion, kind and metadata.name.")
		return
	}
	for path, character := range manifest.Unwritable(d.Object) {
		line, column := at.KeyAt(path...)
		r.report(name, line, column, RuleSyntax, fmt.Sprintf("the escaped character %U does not survive Kubernetes' YAML library", character), "Remove it; in a ConfigMap, binaryData can hold it.")
		return
	}
	kind := d.Head.Kind
	kindLine, column := at.KeyAt("kind")
	switch {
	case kind == "" || d.Object["apiVersion"] == nil:
		r.report(name, d.Line, 1, RuleSyntax, "it has no apiVersion or no kind", "Write both.")
	case strings.HasSuffix(kind, "List"):
		r.report(name, kindLine, column, RuleSyntax, "it is a list of objects", "Write each object into a document of its own, with a --- line between them.")
	case kind == "Secret":
		r.report(name, kindLine, column, RuleSecret, "it holds a Secret in plain text",
			"Seal it with kubeseal for this namespace, and put the SealedSecret here; if it was ever pushed, change what is in it.")
	default:
		object := *d
		object.Line = kindLine
		r.extras.Objects = append(r.extras.Objects, object)
	}
}

// unreadable reports YAML that parses and still cannot be read as plain data.
func (r *reader) unreadable(d manifest.Document, at *position.Document, err error) {
	line, message, hint := manifest.Explain(err)
	line, column := d.Line+max(line, 1)-1, 1
	if errors.Is(err, manifest.ErrSameKey) {
		line, column = at.SameKey()
	}
	r.report(d.File, line, column, RuleSyntax, message, hint)
}

// Manifests returns what stands in the cluster's manifests folder for its extras,
// by path from the repo's root. An object that has a namespace and does not say
// which gets the cluster's own; namespaced reports of which objects that holds.
func (e Extras) Manifests(dir string, c fleet.Cluster, namespaced func(object map[string]any) bool) (manifest.Files, error) {
	files := manifest.Files{}
	for _, o := range e.Objects {
		object := o.Object
		if metadata, ok := object["metadata"].(map[string]any); ok && metadata["namespace"] == nil && namespaced(object) {
			object, metadata = maps.Clone(object), maps.Clone(metadata)
			metadata["namespace"] = c.Spec.Namespace
			object["metadata"] = metadata
		}
		text, err := yaml.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", o.File, o.Line, err)
		}
		name := layout.Of(dir, c.Name).Manifest(layout.Extra, path.Base(o.File))
		if files[name] == nil {
			files[name] = tree.Header(o.File)
		} else {
			files[name] = append(files[name], "---\n"...)
		}
		files[name] = append(files[name], text...)
	}
	return files, nil
}
