package seal

import (
	"errors"
	"maps"
	"strings"

	ssv1alpha1 "github.com/bitnami-labs/sealed-secrets/pkg/apis/sealedsecrets/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"kasou/pipelines/manifest"
)

const (
	sealedVersion = "bitnami.com/v1alpha1"
	sealedKind    = "SealedSecret"
)

// sealed is a SealedSecret, taken apart.
type sealed struct {
	namespace, name, kind string // kind is the Secret's type
	scope                 string
	// template is everything of the spec but the ciphertext, as canonical text.
	template string
	// values is the ciphertext, in base64, by key.
	values map[string]string
	// annotations are those of the SealedSecret itself but for the record.
	annotations map[string]string
	record      record
	// object is the document as it stood, or as it will.
	object map[string]any
}

// wanted returns what kubeseal will make of the Secret, without the ciphertext.
// The Secret must be cleaned. extra are annotations of the SealedSecret alone.
func wanted(secret *corev1.Secret, scope ssv1alpha1.SealingScope, extra map[string]string) (*sealed, error) {
	annotations := followed(secret.Annotations)
	maps.Copy(annotations, extra)
	own := ssv1alpha1.UpdateScopeAnnotations(annotations, scope)
	template := ssv1alpha1.SecretTemplateSpec{ObjectMeta: secret.ObjectMeta, Type: secret.Type, Immutable: secret.Immutable}
	spec, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&ssv1alpha1.SealedSecretSpec{Template: template})
	if err != nil {
		return nil, err
	}
	return takeApart(map[string]any{
		"apiVersion": sealedVersion, "kind": sealedKind,
		"metadata": map[string]any{"name": secret.Name, "namespace": secret.Namespace, "annotations": anys(own)},
		"spec":     spec,
	})
}

// followed returns the annotations that the SealedSecret must have too, because
// Argo CD applies it in the Secret's place: sync waves, hooks and their
// deletion, sync options. The tracking id is Argo CD's own.
func followed(annotations map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range annotations {
		ours := strings.HasPrefix(name, "argocd.argoproj.io/") || strings.HasPrefix(name, "helm.sh/")
		if ours && name != "argocd.argoproj.io/tracking-id" {
			out[name] = value
		}
	}
	return out
}

// takeApart reads a SealedSecret, whoever wrote it.
func takeApart(object map[string]any) (*sealed, error) {
	annotations, ok := texts(object, "metadata", "annotations")
	if !ok {
		return nil, errors.New("its annotations are not strings")
	}
	values, ok := texts(object, "spec", "encryptedData")
	if !ok {
		return nil, errors.New("its encryptedData are not strings")
	}
	rest := map[string]any{}
	if spec, ok := object["spec"].(map[string]any); ok {
		rest = maps.Clone(spec)
	}
	delete(rest, "encryptedData")
	template, err := canonicalText(rest)
	if err != nil {
		return nil, err
	}
	s := &sealed{
		namespace: manifest.Text(object, "metadata", "namespace"), name: manifest.Text(object, "metadata", "name"),
		kind: manifest.Text(rest, "template", "type"), scope: scopeOf(annotations),
		template: template, values: values, record: readRecord(annotations), object: object,
	}
	for name := range s.record.fields() {
		delete(annotations, name)
	}
	s.annotations = annotations
	return s, nil
}

// scopeOf reads the scope as the controller does when it decrypts.
func scopeOf(annotations map[string]string) string {
	switch {
	case annotations[ssv1alpha1.SealedSecretClusterWideAnnotation] == "true":
		return "cluster-wide"
	case annotations[ssv1alpha1.SealedSecretNamespaceWideAnnotation] == "true":
		return "namespace-wide"
	}
	return "strict"
}

// with returns the document of s with the ciphertext and the record. Its bytes
// depend on these alone, so that what is kept comes out the same.
func (s *sealed) with(values map[string]string, r record) map[string]any {
	annotations := maps.Clone(s.annotations)
	r.write(annotations)
	spec := map[string]any{}
	if rest, ok := s.object["spec"].(map[string]any); ok {
		maps.Copy(spec, rest)
	}
	delete(spec, "encryptedData")
	spec, _ = pruned(spec).(map[string]any)
	if spec == nil {
		spec = map[string]any{}
	}
	// The schema requires it, even where it is empty.
	spec["encryptedData"] = anys(values)
	return map[string]any{
		"apiVersion": sealedVersion, "kind": sealedKind,
		"metadata": map[string]any{"name": s.name, "namespace": s.namespace, "annotations": anys(annotations)},
		"spec":     spec,
	}
}

func anys(in map[string]string) map[string]any {
	out := make(map[string]any, len(in))
	for k, v := range in {
		out[k] = v
	}
	return out
}

// subject returns what the tags say of s as it stands in that cluster and file.
func (s *sealed) subject(cluster, path, certificate string) subject {
	return subject{
		cluster: cluster, path: path,
		namespace: s.namespace, name: s.name, kind: s.kind,
		scope: s.scope, template: s.template, certificate: certificate,
	}
}
