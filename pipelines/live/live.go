// Package live compares what git has with what the host runs, by Argo CD's
// rules: what a server-side apply would change, but for what the Application
// ignores; and which objects of an Application are on the host alone. It talks
// to no host: that is the host package's.
package live

import (
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// Object is one object in git.
type Object struct {
	*unstructured.Unstructured
	// File that it stands in, from the repo's root, and the Line at which its
	// document starts, from 1.
	File string
	Line int
}

// Name gives its kind, namespace and name, for messages.
func (o Object) Name() string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// FileError is a file that Argo CD could not read as objects either.
type FileError struct {
	File string
	// Line counts from 1.
	Line    int
	Message string
}

func (e *FileError) Error() string { return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Message) }

// Objects gives the objects in the files that Argo CD compares with the host:
// lists are taken apart, hooks left out, as they are made for each sync and may
// be gone. The error is a *FileError.
func Objects(files manifest.Files) ([]Object, error) {
	var all []Object
	for _, file := range files.Paths() {
		documents, err := manifest.Split(file, files[file])
		if err != nil {
			return nil, &FileError{File: file, Line: 1, Message: err.Error()}
		}
		for _, d := range documents {
			objects, err := parse(d.Data)
			if err != nil {
				return nil, &FileError{File: file, Line: d.Line, Message: "it is no Kubernetes object"}
			}
			for _, o := range objects {
				if !isHook(o.GetAnnotations()) {
					all = append(all, Object{Unstructured: o, File: file, Line: d.Line})
				}
			}
		}
	}
	return all, nil
}

func parse(data []byte) ([]*unstructured.Unstructured, error) {
	text, err := yaml.YAMLToJSON(data)
	if err != nil || string(text) == "null" {
		return nil, err
	}
	o := &unstructured.Unstructured{}
	if err := o.UnmarshalJSON(text); err != nil {
		return nil, err
	}
	if !o.IsList() {
		return []*unstructured.Unstructured{o}, nil
	}
	list, err := o.ToList()
	if err != nil {
		return nil, err
	}
	var items []*unstructured.Unstructured
	for i := range list.Items {
		items = append(items, &list.Items[i])
	}
	return items, nil
}

func isHook(annotations map[string]string) bool {
	_, argo := annotations["argocd.argoproj.io/hook"]
	_, helm := annotations["helm.sh/hook"]
	return argo || helm
}
