package seal

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"kasou/pipelines/manifest"
)

// secretFields are the keys of a v1 Secret. Others would get lost unseen.
var secretFields = []string{"apiVersion", "kind", "metadata", "type", "immutable", "data", "stringData"}

// readSecret takes a Secret out of a manifest, as the API server would read it.
// problem says what is wrong with it, by field names alone: the decoders' own
// errors quote values.
func readSecret(object map[string]any, namespace string) (secret *corev1.Secret, problem string) {
	for field := range object {
		if !slices.Contains(secretFields, field) {
			// Not named: a value that lost its indentation looks like a field.
			return nil, "it has a field other than " + strings.Join(secretFields, ", ")
		}
	}
	secret = &corev1.Secret{}
	if data, err := json.Marshal(manifest.At(object, "metadata")); err != nil || json.Unmarshal(data, &secret.ObjectMeta) != nil {
		return nil, "its metadata is not that of a Kubernetes object"
	}
	if problem := readKind(object, secret); problem != "" {
		return nil, problem
	}
	if problem := readData(object, secret); problem != "" {
		return nil, problem
	}
	if secret.Namespace == "" {
		secret.Namespace = namespace
	}
	return secret, ""
}

// readKind reads type and immutable, and checks the name.
func readKind(object map[string]any, secret *corev1.Secret) string {
	if secret.Name == "" {
		return "it has no metadata.name: what is sealed needs a name that is known"
	}
	if len(validation.IsDNS1123Subdomain(secret.Name)) > 0 {
		return "its metadata.name is not a DNS-1123 subdomain"
	}
	switch kind := object["type"].(type) {
	case nil:
	case string:
		secret.Type = corev1.SecretType(kind)
	default:
		return "its type is not a string"
	}
	switch immutable := object["immutable"].(type) {
	case nil:
	case bool:
		secret.Immutable = &immutable
	default:
		return "its immutable is neither true nor false"
	}
	return ""
}

// readData reads data and stringData into Data; where both have a key,
// stringData wins, as on the API server.
func readData(object map[string]any, secret *corev1.Secret) string {
	encoded, ok := texts(object, "data")
	if !ok {
		return "its data is not a map of base64 strings"
	}
	plain, ok := texts(object, "stringData")
	if !ok {
		return "its stringData is not a map of strings"
	}
	if !validKeys(encoded) || !validKeys(plain) {
		return "one of its keys has other characters than letters, digits, -, _ and ."
	}
	secret.Data = map[string][]byte{}
	for _, key := range slices.Sorted(maps.Keys(encoded)) {
		value, err := base64.StdEncoding.DecodeString(encoded[key])
		if err != nil {
			return fmt.Sprintf("data.%s is not base64", key)
		}
		secret.Data[key] = value
	}
	for key, value := range plain {
		secret.Data[key] = []byte(value)
	}
	return ""
}

func validKeys(values map[string]string) bool {
	for key := range values {
		if len(validation.IsConfigMapKey(key)) > 0 {
			return false
		}
	}
	return true
}

// cleaned returns the Secret that is really sealed: without what only a live
// object has, without copies of itself in annotations, and with the scope that
// kasou chose. A chart must not widen it by an annotation.
func cleaned(secret *corev1.Secret, scope ssv1alpha1.SealingScope) *corev1.Secret {
	out := &corev1.Secret{
		TypeMeta:  metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		Type:      secret.Type,
		Immutable: secret.Immutable,
		Data:      map[string][]byte{},
		ObjectMeta: metav1.ObjectMeta{
			Name: secret.Name, Namespace: secret.Namespace,
			Labels:      maps.Clone(secret.Labels),
			Annotations: ssv1alpha1.UpdateScopeAnnotations(maps.Clone(secret.Annotations), scope),
			Finalizers:  slices.Clone(secret.Finalizers),
		},
	}
	ssv1alpha1.StripLastAppliedAnnotations(out.Annotations)
	maps.Copy(out.Data, secret.Data)
	for key, value := range secret.StringData {
		out.Data[key] = []byte(value)
	}
	return out
}
