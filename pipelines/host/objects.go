package host

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
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

// kinds remembers what a host serves, by group and version.
type kinds struct {
	mu     sync.Mutex
	served map[schema.GroupVersion][]metav1.APIResource
}

// resource gives how the host serves a kind. The errors are a *NoKindError, and
// those of a host that cannot be asked.
func (h *Host) resource(ctx context.Context, kind schema.GroupVersionKind) (metav1.APIResource, error) {
	h.kinds.mu.Lock()
	defer h.kinds.mu.Unlock()
	version := kind.GroupVersion()
	served, ok := h.kinds.served[version]
	if !ok {
		var list metav1.APIResourceList
		err := h.decode(ctx, call{doing: "reading what kinds the host has in " + version.String(), path: prefix(version),
			needs: Permission{Verb: "get", URL: prefix(version)}}, &list)
		if err != nil && !apierrors.IsNotFound(err) {
			return metav1.APIResource{}, err
		}
		served = list.APIResources
		if h.kinds.served == nil {
			h.kinds.served = map[schema.GroupVersion][]metav1.APIResource{}
		}
		h.kinds.served[version] = served
	}
	for _, r := range served {
		// scale and status are kinds below another resource.
		if r.Kind == kind.Kind && url.PathEscape(r.Name) == r.Name {
			return r, nil
		}
	}
	return metav1.APIResource{}, &NoKindError{Kind: kind}
}

func prefix(version schema.GroupVersion) string {
	if version.Group == "" {
		return "/api/" + url.PathEscape(version.Version)
	}
	return "/apis/" + url.PathEscape(version.Group) + "/" + url.PathEscape(version.Version)
}

// Namespaced says whether objects of the kind live in a namespace. The errors
// are a *NoKindError, and those of a host that cannot be asked.
func (h *Host) Namespaced(ctx context.Context, kind schema.GroupVersionKind) (bool, error) {
	r, err := h.resource(ctx, kind)
	return r.Namespaced, err
}

// Object gives the host's object of the kind, namespace and name of want; nil
// where the host has none. Secrets are not for it: SecretValue is. The errors
// are a *NoKindError, and those of a host that cannot be asked.
func (h *Host) Object(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c, err := h.callOf(ctx, "get", want)
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
		return nil, classify(c, h.options.Timeout, errGarbage)
	}
	return live, nil
}

// Predict gives what the host's object would be after a server-side apply of
// want by Argo CD. It is a dry run: nothing is stored. The object must be there
// already. The errors are a *RefusedError where the host would not take it, a
// *NoKindError, and those of a host that cannot be asked.
func (h *Host) Predict(ctx context.Context, want *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c, err := h.callOf(ctx, "patch", want)
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
	c, err := h.callOf(ctx, "patch", o)
	if err != nil {
		return nil, err
	}
	c.patch, c.body, c.query = types.JSONPatchType, patch, map[string]string{}
	return h.try(ctx, c, o)
}

// try sends a patch of an object as a dry run.
func (h *Host) try(ctx context.Context, c call, o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	c.doing = "trying " + nameOf(o)
	c.query["dryRun"], c.query["fieldManager"] = metav1.DryRunAll, fieldManager
	predicted := &unstructured.Unstructured{}
	err := h.decode(ctx, c, &predicted.Object)
	if apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsNotFound(err) {
		return nil, &RefusedError{Object: nameOf(o), Said: said(err)}
	}
	return predicted, err
}

// SecretMetadata returns the metadata of a Secret, and nil where there is none.
// No value leaves the host. The errors are those of a host that cannot be asked.
func (h *Host) SecretMetadata(ctx context.Context, namespace, name string) (*metav1.ObjectMeta, error) {
	c := call{
		doing:  "reading the metadata of the Secret " + namespace + "/" + name,
		path:   "/api/v1/namespaces/" + url.PathEscape(namespace) + "/secrets/" + url.PathEscape(name),
		accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
		needs:  getSecret(namespace, name),
	}
	var secret metav1.PartialObjectMetadata
	switch err := h.decode(ctx, c, &secret); {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, err
	case secret.Name != name || secret.Namespace != namespace:
		return nil, classify(c, h.options.Timeout, errGarbage)
	}
	return &secret.ObjectMeta, nil
}

// callOf gives the request for one object.
func (h *Host) callOf(ctx context.Context, verb string, o *unstructured.Unstructured) (call, error) {
	kind := o.GroupVersionKind()
	r, err := h.resource(ctx, kind)
	if err != nil {
		return call{}, err
	}
	needs := Permission{Verb: verb, Group: kind.Group, Resource: r.Name, Names: []string{o.GetName()}}
	path := prefix(kind.GroupVersion())
	if r.Namespaced {
		needs.Namespace = o.GetNamespace()
		path += "/namespaces/" + url.PathEscape(o.GetNamespace())
	}
	return call{path: path + "/" + r.Name + "/" + url.PathEscape(o.GetName()), needs: needs}, nil
}

// pageSize is client-go's own for lists.
const pageSize = "500"

// Metadata gives the metadata of all the host's objects of a kind, in pages. The
// errors are a *NoKindError, and those of a host that cannot be asked.
func (h *Host) Metadata(ctx context.Context, kind schema.GroupVersionKind) ([]metav1.ObjectMeta, error) {
	r, err := h.resource(ctx, kind)
	if err != nil {
		return nil, err
	}
	var all []metav1.ObjectMeta
	query := map[string]string{"limit": pageSize}
	for {
		var list metav1.PartialObjectMetadataList
		err := h.decode(ctx, call{
			doing: "listing " + r.Name, path: prefix(kind.GroupVersion()) + "/" + r.Name, query: query,
			accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
			needs:  Permission{Verb: "list", Group: kind.Group, Resource: r.Name},
		}, &list)
		if err != nil {
			return nil, err
		}
		for _, item := range list.Items {
			all = append(all, item.ObjectMeta)
		}
		if list.Continue == "" {
			return all, nil
		}
		query = map[string]string{"limit": pageSize, "continue": list.Continue}
	}
}

// Ping asks whether the host answers at all. The errors are those of a host
// that cannot be asked.
func (h *Host) Ping(ctx context.Context) error {
	var version json.RawMessage
	return h.decode(ctx, call{doing: "asking the host for its version", path: "/version",
		needs: Permission{Verb: "get", URL: "/version"}}, &version)
}

// nameOf gives kind, namespace and name for messages.
func nameOf(o *unstructured.Unstructured) string {
	name := o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	return cmp.Or(o.GetKind(), "object") + " " + name
}
