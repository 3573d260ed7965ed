package live

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// sealedSecrets begins the annotations that the controller writes for itself.
const sealedSecrets = "sealedsecrets.bitnami.com/"

// Unsealed returns what others than the Sealed Secrets controller have written
// into the Secret that it made of a SealedSecret in git: keys, labels and
// annotations, whether the SealedSecret has them, too, or not. It reads the
// managed fields alone, which have the names of keys and no values. The
// controller is whoever made the SealedSecret the Secret's owner.
func Unsealed(sealed *unstructured.Unstructured, secret metav1.ObjectMeta) ([]Added, error) {
	if !slices.ContainsFunc(secret.OwnerReferences, func(r metav1.OwnerReference) bool { return r.Kind == "SealedSecret" && r.Name == sealed.GetName() }) {
		return nil, nil // the controller has not taken it on
	}
	owner := fieldpath.MakePathOrDie("metadata", "ownerReferences")
	var all []Added
	for _, entry := range secret.ManagedFields {
		set, err := fieldsOf(entry)
		if err != nil {
			return nil, err
		}
		if prefixes(set).Has(owner) || slices.Contains(argoCD, entry.Manager) {
			continue
		}
		for path := range set.All() {
			names := fieldNames(path)
			if !inSecret(names) {
				continue
			}
			a := Added{Path: pathName(path), Manager: entry.Manager, path: path.Copy()}
			if entry.Time != nil {
				a.At = entry.Time.UTC()
			}
			all = append(all, a)
		}
	}
	sortAdded(all)
	return all, nil
}

// inSecret reports whether a path is a key of a Secret, a label or an
// annotation that counts.
func inSecret(names []string) bool {
	switch {
	case len(names) == 2:
		return names[0] == "data"
	case len(names) == 3 && names[0] == "metadata" && names[1] == "annotations":
		return names[2] != lastApplied && !strings.HasPrefix(names[2], sealedSecrets)
	}
	return len(names) == 3 && names[0] == "metadata" && names[1] == "labels"
}
