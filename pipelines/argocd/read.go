package argocd

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
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
	// Name and In are the name and the namespace of the Application itself, and Project its
	// AppProject.
	Name, In, Project string
	// Source is what it reads.
	Source Source
	// Automated says that Argo CD syncs it without a person.
	Automated bool
	// Cascade says that what the Application deployed goes with it.
	Cascade bool
	// Guarded says that Argo CD does not prune the object of the file.
	Guarded bool
}

// Source is what an Application reads. The zero value says nothing of it.
type Source struct{ Repository, Revision, Path string }

// String returns REPOSITORY at REVISION, PATH; empty for the zero value.
func (s Source) String() string {
	if s == (Source{}) {
		return ""
	}
	return fmt.Sprintf("%s at %s, %s", s.Repository, s.Revision, s.Path)
}

// Read reads the file of an Application or a registration that kasou wrote. Of a file that does not parse it
// returns the zero value.
func Read(file []byte) Deployed {
	var object map[string]any
	if yaml.Unmarshal(file, &object) != nil {
		return Deployed{}
	}
	u := unstructured.Unstructured{Object: object}
	destination, _, _ := unstructured.NestedStringMap(object, "spec", "destination")
	source, _, _ := unstructured.NestedMap(object, "spec", "source")
	_, automated, _ := unstructured.NestedMap(object, "spec", "syncPolicy", "automated")
	annotations := u.GetAnnotations()
	return Deployed{
		Name: u.GetName(), In: u.GetNamespace(), Project: manifest.Text(object, "spec", "project"), Automated: automated,
		Source: Source{manifest.Text(source, "repoURL"), manifest.Text(source, "targetRevision"), manifest.Text(source, "path")},
		Host:   fleet.Destination{Server: destination["server"], Name: destination["name"]}.String(), Namespace: destination["namespace"], Cascade: len(u.GetFinalizers()) > 0,
		Guarded: Guarded(annotations, PruneGuard) && Guarded(annotations, DeleteGuard),
	}
}
