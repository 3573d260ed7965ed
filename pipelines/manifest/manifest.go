// Package manifest is what kasou generates: files, the Kubernetes documents in
// them, each parsed once, and what each of them is for.
package manifest

import (
	"bytes"
	"maps"
	"slices"

	"sigs.k8s.io/yaml"
)

// Role says what a generated file is, by who made it.
type Role int

const (
	// Other is a file without a role here, such as one read back from the disk.
	Other Role = iota
	// Namespace and what else of kasou's own stands beside it.
	Namespace
	// Application is Argo CD's object for a cluster, and what a fleet begins with.
	Application
	// Rendered is what the chart gives, without a Secret in it.
	Rendered
	// Sealed is what the chart gives, with its Secrets sealed.
	Sealed
	// Registration is the sealed cluster Secret.
	Registration
	// Extra is what a person wrote.
	Extra
	// Values are the chart's effective values, which are not deployed.
	Values
)

// File is one generated file.
type File struct {
	// Path is slash-separated, from the repo's root.
	Path string
	Role Role
	// Bytes are all of it, the documents' included.
	Bytes     []byte
	Documents []Document
}

// Document is one YAML document of a file: a Kubernetes object, as a rule.
type Document struct {
	// File is the file's path, and Line the line in it of the first of Bytes, from 1.
	File string
	Line int
	Role Role
	// Bytes are the document without its --- line; with it where something but a
	// comment stands on that line. They are shared with the file.
	Bytes []byte
	// Plain is Object as YAML, where a strict reader refuses Bytes; nil elsewhere.
	Plain []byte
	// Object is the document as Kubernetes' parser reads it. It is shared: whoever
	// changes it copies it first. nil where the document is not a mapping.
	Object map[string]any
	Head   Head
	// Err says why Object is nil, unless the document is null.
	Err error
	// Divided is set where those who read manifests do not agree that a document
	// begins here.
	Divided *Error
	// from and to are where the document with its --- line stands in the file's bytes,
	// and marked means that there is such a line, or has to be.
	from, to int
	marked   bool
}

// Head is what tells an object from others.
type Head struct{ APIVersion, Kind, Namespace, Name string }

// Parse returns the file with its documents parsed. The documents share data's
// memory.
func Parse(role Role, path string, data []byte) File {
	f := File{Path: path, Role: role, Bytes: data, Documents: split(data)}
	for i := range f.Documents {
		d := &f.Documents[i]
		d.File, d.Role = path, role
		d.decode()
	}
	return f
}

// NewDocument returns a document that is not one of a file's, such as an item of a
// list.
func NewDocument(role Role, file string, line int, data []byte) Document {
	d := Document{File: file, Role: role, Line: line, Bytes: data}
	d.decode()
	return d
}

func (d *Document) decode() {
	d.Object, d.Err = decode(d.Bytes)
	d.Head = headOf(d.Object)
}

// Override reads the document again as ReadLast does, so that a mapping may have what it
// merges (<<) otherwise. Nothing changes where that is an error, too.
func (d *Document) Override() error {
	value, err := ReadLast(d.Bytes)
	object, ok := value.(map[string]any)
	if err != nil || !ok {
		return err
	}
	plain, err := yaml.Marshal(object)
	if err != nil {
		return err
	}
	d.Object, d.Head, d.Err, d.Plain = object, headOf(object), nil, plain
	return nil
}

// headOf returns the head of an object. What is not text reads as an empty one.
func headOf(object map[string]any) Head {
	var h Head
	h.APIVersion, _ = object["apiVersion"].(string)
	h.Kind, _ = object["kind"].(string)
	if metadata, ok := object["metadata"].(map[string]any); ok {
		h.Name, _ = metadata["name"].(string)
		h.Namespace, _ = metadata["namespace"].(string)
	}
	return h
}

// Replace returns the file's bytes with others in the place of some documents, by
// their index; head returns what stays of the old document in front of each.
func (f File) Replace(with map[int][]byte, head func(old []byte) []byte) []byte {
	var out []byte
	at := 0
	for i, d := range f.Documents {
		text, ok := with[i]
		if !ok {
			continue
		}
		out = append(out, f.Bytes[at:d.from]...)
		if d.marked {
			out = append(out, "---\n"...)
		}
		body := d.body()
		out = append(append(append(out, head(body)...), text...), ended(body)...)
		at = d.to
	}
	return append(out, f.Bytes[at:]...)
}

// Between returns what stands outside of the documents: their --- lines, and parts
// with comments alone.
func (f File) Between() []byte {
	var out []byte
	at := 0
	for _, d := range f.Documents {
		out = append(out, f.Bytes[at:d.to-len(d.Bytes)]...)
		at = d.to
	}
	return append(out, f.Bytes[at:]...)
}

// body is the document without a --- line.
func (d Document) body() []byte {
	if isMarker(d.Bytes, "---") {
		return d.Bytes[endOfLine(d.Bytes, 0):]
	}
	return d.Bytes
}

// Set are files by their path.
type Set map[string]File

// Paths returns the paths, sorted.
func (s Set) Paths() []string { return slices.Sorted(maps.Keys(s)) }

// Of returns the paths of the files with the role, sorted.
func (s Set) Of(role Role) []string {
	return slices.DeleteFunc(s.Paths(), func(path string) bool { return s[path].Role != role })
}

// Add parses a file and puts it into the set.
func (s Set) Add(role Role, path string, data []byte) { s[path] = Parse(role, path, data) }

// Files returns the contents.
func (s Set) Files() Files {
	files := make(Files, len(s))
	for path, f := range s {
		files[path] = f.Bytes
	}
	return files
}

// ParseAll parses all files, for one role.
func ParseAll(role Role, files Files) Set {
	s := make(Set, len(files))
	for path, data := range files {
		s.Add(role, path, data)
	}
	return s
}

// Documents returns those of all files, in the order of their paths.
func (s Set) Documents() []Document {
	var all []Document
	for _, path := range s.Paths() {
		all = append(all, s[path].Documents...)
	}
	return all
}

// ended returns the ... line that a document ends with, if it has one.
func ended(body []byte) []byte {
	last := bytes.LastIndexByte(bytes.TrimSuffix(body, []byte("\n")), '\n') + 1
	if isMarker(body[last:], "...") {
		return body[last:]
	}
	return nil
}
