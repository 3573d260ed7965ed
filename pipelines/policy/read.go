package policy

import (
	"fmt"

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
		for _, fields := range manifest.Items(d.Object) {
			all = append(all, Object{File: d.File, Line: d.Line, Extra: d.Role == manifest.Extra, Fields: fields})
		}
	}
	return all, nil
}
