// Package live compares what git has with what the host runs, by Argo CD's
// rules: what a server-side apply would change, but for what the Application
// ignores; and which objects of an Application are on the host alone. It talks
// to no host: that is the host package's.
package live

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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

// Name returns its kind, namespace and name, for messages.
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

// Objects returns the objects in the files that Argo CD compares with the host:
// lists are taken apart, hooks left out, as they are made for each sync and may
// be gone. The error is a *FileError.
func Objects(files manifest.Files) ([]Object, error) {
	var all []Object
	for _, d := range manifest.ParseAll(manifest.Other, files).Documents() {
		if d.Divided != nil {
			return nil, &FileError{File: d.File, Line: 1, Message: d.Divided.Error()}
		}
		objects, err := parse(d)
		if err != nil {
			return nil, &FileError{File: d.File, Line: d.Line, Message: "it is not a Kubernetes object"}
		}
		for _, o := range objects {
			if !isHook(o.GetAnnotations()) {
				all = append(all, Object{Unstructured: o, File: d.File, Line: d.Line})
			}
		}
	}
	return all, nil
}

var errNotAnObject = errors.New("it has no kind")

func parse(d manifest.Document) ([]*unstructured.Unstructured, error) {
	if d.Err != nil || d.Object == nil {
		return nil, d.Err
	}
	if d.Head.Kind == "" {
		return nil, errNotAnObject
	}
	o := &unstructured.Unstructured{Object: d.Object}
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
