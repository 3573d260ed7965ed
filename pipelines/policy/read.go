package policy

import (
	"fmt"
	"slices"
	"strings"

	"kasou/pipelines/manifest"
)

// Read returns the objects in the files, the items of a List one by one. The
// paths are from the repo's root. Of most objects only the head is decoded, and
// what the policy asks of their kind. The error is a file that Kubernetes' parser
// does not take.
func Read(files manifest.Files) ([]Object, error) {
	var all []Object
	for _, file := range files.Paths() {
		documents, err := manifest.Split(file, files[file])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, d := range documents {
			fields, err := read(d.Data)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: it is not a Kubernetes object", file, d.Line)
			}
			all = appendObjects(all, Object{File: file, Line: d.Line, Fields: fields})
		}
	}
	return all, nil
}

// asked are the fields that the policy asks for, beside the head.
var asked = []string{"items", "roleRef", "subjects"}

func read(data []byte) (map[string]any, error) {
	lazy, err := manifest.Fields(data)
	if err != nil || lazy == nil {
		return nil, err
	}
	fields := map[string]any{}
	for key, value := range lazy {
		if slices.Contains([]string{"apiVersion", "kind", "metadata"}, key) || slices.Contains(asked, key) ||
			key == "spec" && lazy["kind"].Value() == sealedSecret {
			fields[key] = manifest.Plain(value.Value())
		}
	}
	return fields, nil
}

func appendObjects(all []Object, o Object) []Object {
	items, isList := o.Fields["items"].([]any)
	if !isList || !strings.HasSuffix(text(o.Fields, "kind"), "List") {
		if o.Fields == nil {
			return all
		}
		return append(all, o)
	}
	for _, item := range items {
		inner := o
		inner.Fields, _ = item.(map[string]any)
		if kind := strings.TrimSuffix(text(o.Fields, "kind"), "List"); kind != "" && text(inner.Fields, "kind") == "" && inner.Fields != nil {
			// The API server fills in kind and version of a typed list's items.
			inner.Fields["apiVersion"], inner.Fields["kind"] = o.Fields["apiVersion"], kind
		}
		all = appendObjects(all, inner)
	}
	return all
}
