package live

import (
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/difference"
	"kasou/pipelines/position"
)

// Ignored is a part of objects that an Application does not compare: an entry
// of its spec.ignoreDifferences, of which kasou writes jsonPointers alone.
type Ignored struct {
	Group string `json:"group"`
	Kind  string `json:"kind"`
	// Name and Namespace are empty for all objects of the kind.
	Name         string   `json:"name"`
	Namespace    string   `json:"namespace"`
	JSONPointers []string `json:"jsonPointers"`
}

// IgnoredBy reads what an Application does not compare.
func IgnoredBy(application *unstructured.Unstructured) ([]Ignored, error) {
	var spec struct {
		Spec struct {
			IgnoreDifferences []Ignored `json:"ignoreDifferences"`
		} `json:"spec"`
	}
	data, err := application.MarshalJSON()
	if err == nil {
		err = yaml.Unmarshal(data, &spec)
	}
	if err != nil {
		return nil, fmt.Errorf("spec.ignoreDifferences of the Application %s cannot be read", application.GetName())
	}
	return spec.Spec.IgnoreDifferences, nil
}

func (i Ignored) concerns(o *unstructured.Unstructured) bool {
	kind := o.GroupVersionKind()
	return (i.Group == "*" || i.Group == kind.Group) && (i.Kind == "*" || i.Kind == kind.Kind) &&
		(i.Name == "" || i.Name == o.GetName()) && (i.Namespace == "" || i.Namespace == o.GetNamespace())
}

// Wanted returns what a sync would send for want: with RespectIgnoreDifferences,
// which kasou's Applications have, what is ignored is as it is on the host.
func Wanted(want, live *unstructured.Unstructured, ignored []Ignored) (*unstructured.Unstructured, error) {
	out := want.DeepCopy()
	for _, i := range ignored {
		if !i.concerns(want) {
			continue
		}
		for _, pointer := range i.JSONPointers {
			fields := position.Pointer(pointer)
			value, there, err := unstructured.NestedFieldCopy(live.Object, fields...)
			if err == nil && there {
				err = unstructured.SetNestedField(out.Object, value, fields...)
			} else if err == nil {
				unstructured.RemoveNestedField(out.Object, fields...)
			}
			if err != nil {
				return nil, fmt.Errorf("%s is to be ignored in %s, which has no such place", pointer, want.GetKind())
			}
		}
	}
	return out, nil
}

// Change is how the host's object differs from what git has.
type Change struct {
	// Live and Git are the object as YAML, as it is on the host, and as a sync
	// would make it, without what Argo CD passes over.
	Live, Git []byte
	// Fields are what differs: Old is the host's value, New git's.
	Fields []difference.Value
}

// Compare returns how the host's object differs from what a sync of want would
// make of it; nil where it does not.
func Compare(want, live, predicted *unstructured.Unstructured) (*Change, error) {
	c := &Change{}
	var err error
	if c.Live, err = yaml.Marshal(compared(want, live)); err != nil {
		return nil, err
	}
	if c.Git, err = yaml.Marshal(compared(want, predicted)); err != nil {
		return nil, err
	}
	if string(c.Live) == string(c.Git) {
		return nil, nil
	}
	fields, ok := difference.Values(c.Live, c.Git)
	if !ok {
		return nil, fmt.Errorf("%s %s is too large to be compared", want.GetKind(), want.GetName())
	}
	c.Fields = fields
	return c, nil
}

// compared leaves out what the server or Argo CD writes for itself: Argo CD,
// too, passes over these, and over status.
func compared(want, o *unstructured.Unstructured) map[string]any {
	out := o.DeepCopy().Object
	for _, field := range []string{"managedFields", "resourceVersion", "generation", "creationTimestamp", "uid", "selfLink"} {
		unstructured.RemoveNestedField(out, "metadata", field)
	}
	unstructured.RemoveNestedField(out, "status")
	removeUnless(out, want.GetLabels(), "labels", labelKeys...)
	removeUnless(out, want.GetAnnotations(), "annotations", trackingAnnotation, installation, lastApplied)
	return out
}

const (
	installation = "argocd.argoproj.io/installation-id"
	lastApplied  = "kubectl.kubernetes.io/last-applied-configuration"
)

// removeUnless drops keys that git does not have, and the map where it is empty
// then.
func removeUnless(object map[string]any, inGit map[string]string, field string, keys ...string) {
	for _, key := range keys {
		if _, ours := inGit[key]; !ours {
			unstructured.RemoveNestedField(object, "metadata", field, key)
		}
	}
	if left, ok, _ := unstructured.NestedMap(object, "metadata", field); ok && len(left) == 0 {
		unstructured.RemoveNestedField(object, "metadata", field)
	}
}

// Touched says who changed the object last besides Argo CD, and when, as the
// host remembers it; empty where nobody did.
func Touched(live *unstructured.Unstructured) (by string, at time.Time) {
	for _, f := range live.GetManagedFields() {
		if f.Time == nil || f.Subresource != "" || slices.Contains(argoCD, f.Manager) || !f.Time.After(at) {
			continue
		}
		by, at = f.Manager, f.Time.UTC()
	}
	return by, at
}

// argoCD are the names by which Argo CD changes objects.
var argoCD = []string{"argocd-controller", "argocd-application-controller"}

// NotUnsealed returns the Sealed Secrets controller's reason where it could not
// unseal the host's SealedSecret; empty for anything else.
func NotUnsealed(live *unstructured.Unstructured) string {
	if live.GetKind() != "SealedSecret" {
		return ""
	}
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
	for _, c := range conditions {
		if c, ok := c.(map[string]any); ok && c["type"] == "Synced" && c["status"] == "False" {
			return fmt.Sprint(c["message"])
		}
	}
	return ""
}
