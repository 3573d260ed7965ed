package argocd

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The guards in the annotation that the sync options stand in.
const (
	SyncOptions = "argocd.argoproj.io/sync-options"
	PruneGuard  = "Prune=false"
	DeleteGuard = "Delete=confirm"
)

// Guarded reports whether the annotations keep Argo CD from an action on their object,
// by the guard of that action.
func Guarded(annotations map[string]string, guard string) bool {
	return strings.Contains(annotations[SyncOptions], guard)
}

// Deployed is what the file of an Application or of a registration says of what
// becomes of the cluster.
type Deployed struct {
	// Namespace is where the Application deploys into.
	Namespace string
	// Cascade says that what the Application deployed goes with it.
	Cascade bool
	// Guarded says that Argo CD does not prune the object of the file.
	Guarded bool
}

// Read reads a file in root/ that kasou wrote. Of a file that does not parse it
// returns the zero value.
func Read(file []byte) Deployed {
	var object map[string]any
	if yaml.Unmarshal(file, &object) != nil {
		return Deployed{}
	}
	u := unstructured.Unstructured{Object: object}
	namespace, _, _ := unstructured.NestedString(object, "spec", "destination", "namespace")
	annotations := u.GetAnnotations()
	return Deployed{
		Namespace: namespace, Cascade: len(u.GetFinalizers()) > 0,
		Guarded: Guarded(annotations, PruneGuard) && Guarded(annotations, DeleteGuard),
	}
}
