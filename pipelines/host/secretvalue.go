package host

import (
	"context"
	"fmt"
)

// NoSecretError is a Secret, or a key in it, that the host does not have.
type NoSecretError struct{ Namespace, Name, Key string }

func (e *NoSecretError) Error() string {
	return fmt.Sprintf("the host cluster has no Secret %s/%s with the key %s", e.Namespace, e.Name, e.Key)
}

// SecretValue gives one key of a Secret on the host. The errors are a
// *NoSecretError, and those of a host that cannot be asked; none holds any part
// of the Secret.
func (h *Host) SecretValue(ctx context.Context, namespace, name, key string) ([]byte, error) {
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
