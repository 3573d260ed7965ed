package embedded

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/toolchain"
)

// kubesealTool seals in this process, as `kubeseal --format yaml --scope SCOPE
// --cert FILE --allow-empty-data` does. It leaves package kubeseal alone: that
// one asks a kubeconfig for what the Secret does not say.
type kubesealTool struct{}

// Seal gives the SealedSecret as kubeseal prints it, with the --- line. Every
// call gives other ciphertext. No error holds any part of the Secret.
func (kubesealTool) Seal(ctx context.Context, r toolchain.SealRequest) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	key, err := sealingKey(r.Certificate)
	if err != nil {
		return nil, fmt.Errorf("kubeseal: %w", err)
	}
	secret, err := secretToSeal(r)
	if err != nil {
		return nil, fmt.Errorf("kubeseal: %w", err)
	}
	// The codecs are an unused parameter.
	sealed, err := ssv1alpha1.NewSealedSecret(serializer.CodecFactory{}, key, secret)
	if err != nil {
		return nil, fmt.Errorf("kubeseal: %w", err)
	}
	sealed.SetGroupVersionKind(ssv1alpha1.SchemeGroupVersion.WithKind("SealedSecret"))
	data, err := yaml.Marshal(sealed)
	if err != nil {
		return nil, fmt.Errorf("kubeseal: %w", err)
	}
	return append([]byte("---\n"), data...), nil
}

// secretToSeal reads the Secret. The decoders' errors quote what they read, so
// they are replaced.
func secretToSeal(r toolchain.SealRequest) (*corev1.Secret, error) {
	var scope ssv1alpha1.SealingScope
	if err := scope.Set(r.Scope); err != nil {
		return nil, fmt.Errorf("scope %q: %w", r.Scope, err)
	}
	secret := &corev1.Secret{}
	if yaml.Unmarshal(r.Secret, secret) != nil {
		return nil, errors.New("the input is not a Secret in YAML or JSON")
	}
	if secret.APIVersion != "v1" || secret.Kind != "Secret" {
		return nil, errors.New("the input is not a v1 Secret")
	}
	if secret.Name == "" || secret.Namespace == "" {
		return nil, errors.New("the Secret has no name or no namespace")
	}
	if scope != ssv1alpha1.DefaultScope {
		secret.Annotations = ssv1alpha1.UpdateScopeAnnotations(secret.Annotations, scope)
	}
	stripServerFields(secret)
	return secret, nil
}

// stripServerFields takes away what only a live object has.
func stripServerFields(secret *corev1.Secret) {
	secret.SelfLink, secret.UID, secret.ResourceVersion, secret.Generation = "", "", "", 0
	secret.CreationTimestamp = metav1.Time{}
	secret.DeletionTimestamp, secret.DeletionGracePeriodSeconds = nil, nil
}

// sealingKey reads the public key of the first certificate. Package seal has
// checked the certificate; here is only what encryption cannot do without.
func sealingKey(certificate []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(certificate)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("no PEM certificate")
	}
	parsed, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	key, ok := parsed.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, fmt.Errorf("the certificate holds a %s key; only RSA seals", parsed.PublicKeyAlgorithm)
	}
	return key, nil
}
