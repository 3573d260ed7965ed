package verdict

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/toolchain"
)

// SealRequest reads what is to be sealed, and refuses what kubeseal would
// refuse, or complete from a kubeconfig. No error holds any part of the Secret,
// which the decoders' own errors quote.
func SealRequest(r toolchain.SealRequest) (*corev1.Secret, ssv1alpha1.SealingScope, *rsa.PublicKey, error) {
	key, err := sealingKey(r.Certificate)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("kubeseal: %w", err)
	}
	var scope ssv1alpha1.SealingScope
	if err := scope.Set(r.Scope); err != nil {
		return nil, 0, nil, fmt.Errorf("kubeseal: scope %q: %w", r.Scope, err)
	}
	secret, err := plainSecret(r.Secret)
	if err != nil {
		return nil, 0, nil, fmt.Errorf("kubeseal: %w", err)
	}
	return secret, scope, key, nil
}

func plainSecret(data []byte) (*corev1.Secret, error) {
	secret := &corev1.Secret{}
	// Package seal returns JSON, which needs no parser of YAML.
	if json.Unmarshal(data, secret) != nil && yaml.Unmarshal(data, secret) != nil {
		return nil, errors.New("the input is not a Secret in YAML or JSON")
	}
	if secret.APIVersion != "v1" || secret.Kind != "Secret" {
		return nil, errors.New("the input is not a v1 Secret")
	}
	if secret.Name == "" || secret.Namespace == "" {
		return nil, errors.New("the Secret has no name or no namespace")
	}
	return secret, nil
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
