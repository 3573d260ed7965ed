package argocd

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/fleet"
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
	// Host is the cluster that the Application deploys to, by its server or its name, and
	// Namespace the one there.
	Host, Namespace string
	// Home is the namespace that the object stands in.
	Home string
	// Repository, Revision and Path are what the Application reads, and Project is its
	// AppProject.
	Repository, Revision, Path, Project string
	// Cascade says that what the Application deployed goes with it.
	Cascade bool
	// Automated says that Argo CD syncs the Application by itself.
	Automated bool
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
	destination, _, _ := unstructured.NestedStringMap(object, "spec", "destination")
	text := func(path ...string) string {
		value, _, _ := unstructured.NestedString(object, append([]string{"spec"}, path...)...)
		return value
	}
	_, automated, _ := unstructured.NestedMap(object, "spec", "syncPolicy", "automated")
	annotations := u.GetAnnotations()
	return Deployed{
		Host: fleet.Destination{Server: destination["server"], Name: destination["name"]}.String(), Namespace: destination["namespace"], Cascade: len(u.GetFinalizers()) > 0,
		Home:       u.GetNamespace(),
		Repository: text("source", "repoURL"), Revision: text("source", "targetRevision"), Path: text("source", "path"),
		Project: text("project"), Automated: automated,
		Guarded: Guarded(annotations, PruneGuard) && Guarded(annotations, DeleteGuard),
	}
}
