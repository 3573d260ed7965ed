package embedded

import (
	"context"
	"encoding/json"
	"fmt"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"

	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

// kubesealTool seals in this process, as `kubeseal --format json --scope SCOPE
// --cert FILE --allow-empty-data` does. It leaves package kubeseal alone: that
// one asks a kubeconfig for what the Secret does not say.
type kubesealTool struct{}

// Seal returns each SealedSecret as kubeseal prints it, but for the indentation.
// Every call returns other ciphertext. No error holds any part of a Secret.
func (kubesealTool) Seal(ctx context.Context, requests ...toolchain.SealRequest) []toolchain.Result[[]byte] {
	return toolchain.Each(ctx, requests, seal)
}

func seal(_ context.Context, r toolchain.SealRequest) ([]byte, error) {
	secret, scope, key, err := verdict.SealRequest(r)
	if err != nil {
		return nil, err
	}
	if scope != ssv1alpha1.DefaultScope {
		secret.Annotations = ssv1alpha1.UpdateScopeAnnotations(secret.Annotations, scope)
	}
	stripServerFields(secret)
	// The codecs are an unused parameter.
	sealed, err := ssv1alpha1.NewSealedSecret(serializer.CodecFactory{}, key, secret)
	if err != nil {
		return nil, fmt.Errorf("kubeseal: %w", err)
	}
	sealed.SetGroupVersionKind(ssv1alpha1.SchemeGroupVersion.WithKind("SealedSecret"))
	data, err := json.Marshal(sealed)
	if err != nil {
		return nil, fmt.Errorf("kubeseal: %w", err)
	}
	return data, nil
}

// stripServerFields takes away what only a live object has.
func stripServerFields(secret *corev1.Secret) {
	//nolint:staticcheck // old servers still send a selfLink
	secret.SelfLink, secret.UID, secret.ResourceVersion, secret.Generation = "", "", "", 0
	secret.CreationTimestamp = metav1.Time{}
	secret.DeletionTimestamp, secret.DeletionGracePeriodSeconds = nil, nil
}
