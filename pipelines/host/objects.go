package host

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// fieldManager is Argo CD's own (common.ArgoCDSSAManager): a dry run by another
// name would leave the fields in place that git has no more.
const fieldManager = "argocd-controller"

// NoKindError is a kind that the host does not serve: its definition is missing,
// or the host is too old or too new for it.
type NoKindError struct{ Kind schema.GroupVersionKind }

func (e *NoKindError) Error() string {
	return fmt.Sprintf("the host does not know the kind %s of %s", e.Kind.Kind, e.Kind.GroupVersion())
}

// RefusedError is an object that the host would not take.
type RefusedError struct {
	Object string
	// Said is the host's reason.
	Said string
}

func (e *RefusedError) Error() string { return e.Object + ": the host refuses it: " + e.Said }

// kinds is a cache of what a host serves, by group and version.
type kinds struct {
	host   *connection
	mu     sync.Mutex
	served map[schema.GroupVersion][]metav1.APIResource
}

// resource returns how the host serves a kind. The errors are a *NoKindError, and
// those of a host that cannot be asked.
func (k *kinds) resource(ctx context.Context, kind schema.GroupVersionKind) (metav1.APIResource, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	version := kind.GroupVersion()
	served, ok := k.served[version]
	if !ok {
		var list metav1.APIResourceList
		url := path.Join("/apis", version.Group, version.Version)
		if version.Group == "" {
			url = path.Join("/api", version.Version)
		}
		err := k.host.decode(ctx, call{doing: "reading what kinds the host has in " + version.String(), needs: Permission{Verb: "get", URL: url}}, &list)
		if err != nil && !apierrors.IsNotFound(err) {
			return metav1.APIResource{}, err
		}
		served = list.APIResources
		k.served[version] = served
	}
	for _, r := range served {
		// scale and status are kinds below another resource.
		if r.Kind == kind.Kind && !strings.Contains(r.Name, "/") {
			return r, nil
		}
	}
	return metav1.APIResource{}, &NoKindError{Kind: kind}
}

// Namespaced reports whether objects of the kind live in a namespace. The errors
// are a *NoKindError, and those of a host that cannot be asked.
func (h *Host) Namespaced(ctx context.Context, kind schema.GroupVersionKind) (bool, error) {
	r, err := h.kinds.resource(ctx, kind)
	return r.Namespaced, err
}

// Object returns the host's object of the kind, namespace and name of want; nil
// where the host has none. Secrets are not for it: SecretValue is. The errors
// are a *NoKindError, and those of a host that cannot be asked.
func (h *Host) Object(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c, err := h.kinds.callOf(ctx, "get", want)
	if err != nil {
		return nil, err
	}
	c.doing = "reading " + nameOf(want)
	live := &unstructured.Unstructured{}
	switch err := h.decode(ctx, c, &live.Object); {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case live.GetName() != want.GetName():
		return nil, h.classify(c, errGarbage)
	}
	return live, nil
}

// Predict returns what the host's object would be after a server-side apply of
// want by Argo CD. It is a dry run: nothing is stored. The object must be there
// already. The errors are a *RefusedError where the host would not take it, a
// *NoKindError, and those of a host that cannot be asked.
func (h *Host) Predict(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c, err := h.kinds.callOf(ctx, "patch", want)
	if err != nil {
		return nil, err
	}
	if c.body, err = want.MarshalJSON(); err != nil {
		return nil, fmt.Errorf("%s: %w", nameOf(want), err)
	}
	c.patch, c.query = types.ApplyPatchType, map[string]string{"force": "true"}
	return h.try(ctx, c, want)
}

// Patched returns what the host's object would be after a JSON patch. It is a
// dry run: nothing is stored. The errors are those of Predict.
func (h *Host) Patched(ctx context.Context, o *unstructured.Unstructured, patch []byte) (*unstructured.Unstructured, error) {
	c, err := h.kinds.callOf(ctx, "patch", o)
	if err != nil {
		return nil, err
	}
	c.patch, c.body, c.query = types.JSONPatchType, patch, map[string]string{}
	return h.try(ctx, c, o)
}

// try sends a patch of an object as a dry run.
func (h *connection) try(ctx context.Context, c call, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c.doing = "trying " + nameOf(o)
	c.query["dryRun"], c.query["fieldManager"] = metav1.DryRunAll, fieldManager
	predicted := &unstructured.Unstructured{}
	err := h.decode(ctx, c, &predicted.Object)
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) {
		return nil, &RefusedError{Object: nameOf(o), Said: said(err)}
	}
	return predicted, err
}

// callOf returns the request for one object.
func (k *kinds) callOf(ctx context.Context, verb string, o *unstructured.Unstructured) (call, error) {
	kind := o.GroupVersionKind()
	r, err := k.resource(ctx, kind)
	if err != nil {
		return call{}, err
	}
	needs := Permission{Verb: verb, Group: kind.Group, Resource: r.Name, Names: []string{o.GetName()}}
	if r.Namespaced {
		needs.Namespace = o.GetNamespace()
	}
	return call{version: kind.Version, needs: needs}, nil
}

// Metadata returns the metadata of all the host's objects of a kind. The errors are a
// *NoKindError, and those of a host that cannot be asked.
func (h *Host) Metadata(ctx context.Context, kind schema.GroupVersionKind) ([]metav1.ObjectMeta, error) {
	r, err := h.kinds.resource(ctx, kind)
	if err != nil {
		return nil, err
	}
	items, err := listAll[struct {
		metav1.ObjectMeta `json:"metadata"`
	}](ctx, h.connection, call{
		doing: "listing " + r.Name, version: kind.Version, accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
		needs: Permission{Verb: "list", Group: kind.Group, Resource: r.Name},
	})
	var all []metav1.ObjectMeta
	for _, item := range items {
		all = append(all, item.ObjectMeta)
	}
	return all, err
}

// nameOf returns kind, namespace and name for messages.
func nameOf(o *unstructured.Unstructured) string {
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	return cmp.Or(o.GetKind(), "object") + " " + name
}
