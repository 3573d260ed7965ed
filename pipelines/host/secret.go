package host

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Secret returns a Secret of the host, nil where there is none. The errors are those of
// a host that cannot be asked; none holds any part of it.
func (h *Host) Secret(ctx context.Context, namespace, name string) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	found, err := h.secret(ctx, namespace, name, call{doing: "reading the Secret"}, secret)
	if !found {
		return nil, err
	}
	return secret, nil
}

// SecretMetadata returns the metadata of a Secret, nil where there is none. No value
// leaves the host. The errors are those of a host that cannot be asked.
func (h *Host) SecretMetadata(ctx context.Context, namespace, name string) (*metav1.ObjectMeta, error) {
	c := call{doing: "reading the metadata of the Secret", accept: "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
	secret := &metav1.PartialObjectMetadata{}
	found, err := h.secret(ctx, namespace, name, c, secret)
	if !found {
		return nil, err
	}
	return &secret.ObjectMeta, nil
}

// secret reads a Secret, or what c accepts of it, and reports whether there is one.
func (h *connection) secret(ctx context.Context, namespace, name string, c call, into metav1.Object) (bool, error) {
	c.doing += " " + namespace + "/" + name
	c.needs = getSecret(namespace, name)
	switch err := h.decode(ctx, c, into); {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, err
	case into.GetName() != name || into.GetNamespace() != namespace:
		return false, h.classify(c, errGarbage)
	}
	return true, nil
}

// NoSecretError is a Secret, or a key in it, that the host does not have.
type NoSecretError struct{ Namespace, Name, Key string }

func (e *NoSecretError) Error() string {
	return fmt.Sprintf("the host cluster has no Secret %s/%s with the key %s", e.Namespace, e.Name, e.Key)
}

// SecretValue returns one key of a Secret on the host. The errors are a
// *NoSecretError, and those of a host that cannot be asked; none holds any part
// of the Secret.
func SecretValue(ctx context.Context, h *Host, namespace, name, key string) ([]byte, error) {
	secret, err := h.Secret(ctx, namespace, name)
	if err != nil {
		return nil, err
	}
	if secret != nil {
		if value, ok := secret.Data[key]; ok {
			return value, nil
		}
	}
	return nil, &NoSecretError{Namespace: namespace, Name: name, Key: key}
}
