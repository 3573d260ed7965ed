package policy

import (
	"fmt"
	"strings"

	"kasou/pipelines/manifest"
)

// Object is one Kubernetes object.
type Object struct {
	// File is where it stands, from the repo's root, and Line the line that it
	// begins at, from 1.
	File string
	Line int
	// Extra means that a person wrote it; else the chart rendered it.
	Extra bool
	// Fields are the object's, as JSON has them.
	Fields map[string]any
}

// Objects returns the objects in the documents, the items of a List one by one. The
// error is a document that Kubernetes' parser does not take.
func Objects(documents []manifest.Document) ([]Object, error) {
	var all []Object
	for _, d := range documents {
		if d.Err != nil {
			return nil, fmt.Errorf("%s:%d: it is not a Kubernetes object", d.File, d.Line)
		}
		all = appendObjects(all, Object{File: d.File, Line: d.Line, Extra: d.Role == manifest.Extra, Fields: d.Object}, "", "")
	}
	return all, nil
}

// appendObjects appends an object, or the items of a List. Those of a typed list have
// its kind and version where they have none, as the API server fills them in.
func appendObjects(all []Object, o Object, apiVersion, kind string) []Object {
	if o.Fields == nil {
		return all
	}
	if kind != "" && manifest.Text(o.Fields, "kind") == "" {
		fields := map[string]any{"apiVersion": apiVersion, "kind": kind}
		for key, value := range o.Fields {
			if key != "apiVersion" && key != "kind" {
				fields[key] = value
			}
		}
		o.Fields = fields
	}
	items, isList := o.Fields["items"].([]any)
	of, named := strings.CutSuffix(manifest.Text(o.Fields, "kind"), "List")
	if !isList || !named {
		return append(all, o)
	}
	for _, item := range items {
		inner := o
		inner.Fields, _ = item.(map[string]any)
		all = appendObjects(all, inner, manifest.Text(o.Fields, "apiVersion"), of)
	}
	return all
}
