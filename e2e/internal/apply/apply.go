// Package apply puts manifests into a cluster as Argo CD does: by server-side
// apply, namespaces and definitions first.
package apply

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// Applier applies to one cluster.
type Applier struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// New returns an applier with the rights of a configuration.
func New(config *rest.Config) (*Applier, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	found, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Applier{client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(found))}, nil
}

// Parse returns the objects of a stream of YAML documents.
func Parse(data []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		object := &unstructured.Unstructured{}
		if err := decoder.Decode(&object.Object); errors.Is(err, io.EOF) {
			return objects, nil
		} else if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}

// first are the kinds that others need.
var first = []string{"Namespace", "CustomResourceDefinition", "ServiceAccount"}

// Order sorts objects so that each finds what it needs; equals keep their
// order.
func Order(objects []*unstructured.Unstructured) {
	rank := func(o *unstructured.Unstructured) int {
		if i := slices.Index(first, o.GetKind()); i >= 0 {
			return i
		}
		return len(first)
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return rank(a) - rank(b) })
}

// Object applies one object and gives what the server made of it. A field that
// the server does not know is an error. With dryRun nothing is stored. A
// namespaced object that names no namespace goes to the one given.
func (a *Applier) Object(ctx context.Context, object *unstructured.Unstructured, namespace string, dryRun bool) (*unstructured.Unstructured, error) {
	resource, err := a.resource(object.GroupVersionKind(), object.GetNamespace(), namespace)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", describe(object), err)
	}
	data, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	yes := true
	options := metav1.PatchOptions{FieldManager: "argocd-controller", FieldValidation: metav1.FieldValidationStrict, Force: &yes}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	stored, err := resource.Patch(ctx, object.GetName(), "application/apply-patch+yaml", data, options)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", describe(object), err)
	}
	if object.GetKind() == "CustomResourceDefinition" && !dryRun {
		return stored, a.established(ctx, resource, object.GetName())
	}
	return stored, nil
}

// YAML applies all documents, in order, and stops at the first that the server
// refuses.
func (a *Applier) YAML(ctx context.Context, data []byte, namespace string) error {
	objects, err := Parse(data)
	if err != nil {
		return err
	}
	Order(objects)
	for _, object := range objects {
		if _, err := a.Object(ctx, object, namespace, false); err != nil {
			return err
		}
	}
	return nil
}

// Resource returns the client for a kind in a namespace.
func (a *Applier) Resource(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	return a.resource(kind, namespace, namespace)
}

func (a *Applier) resource(kind schema.GroupVersionKind, namespace, fallback string) (dynamic.ResourceInterface, error) {
	mapping, err := a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if meta.IsNoMatchError(err) {
		a.mapper.Reset()
		mapping, err = a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	}
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return a.client.Resource(mapping.Resource), nil
	}
	if namespace == "" {
		namespace = fallback
	}
	return a.client.Resource(mapping.Resource).Namespace(namespace), nil
}

// established waits until a definition's objects can be stored.
func (a *Applier) established(ctx context.Context, definitions dynamic.ResourceInterface, name string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		definition, err := definitions.Get(ctx, name, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return err
		}
		if err == nil && condition(definition, "Established") == "True" {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("CustomResourceDefinition %s is not established: %w", name, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func condition(object *unstructured.Unstructured, kind string) string {
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == kind {
			status, _ := c["status"].(string)
			return status
		}
	}
	return ""
}

func describe(o *unstructured.Unstructured) string {
	return fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName())
}
