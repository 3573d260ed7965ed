package live

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// trackingAnnotation is how Argo CD knows an Application's objects from 3.0 on;
// labelKeys are how it did before, by its default, and by the key that its
// documentation advises where a chart uses the default for itself.
const trackingAnnotation = "argocd.argoproj.io/tracking-id"

var labelKeys = []string{"app.kubernetes.io/instance", "argocd.argoproj.io/instance"}

// Tracking is how Argo CD knows the objects of one Application: learned from
// those that git has as well, as only they are its for sure.
type Tracking struct {
	// Label is the key of the label; empty where the annotation counts alone.
	Label string
}

// Learn takes in an object of the Application, as it is in git and on the host.
// A label that git has too is Helm's, and shows nothing.
func (t *Tracking) Learn(app string, want, live *unstructured.Unstructured) {
	for _, key := range labelKeys {
		if live.GetLabels()[key] == app && want.GetLabels()[key] == "" {
			t.Label = key
		}
	}
}

// Claims reports whether Argo CD counts an object to the Application, by its
// annotation or, where t has learned one, its label, and would miss it in git.
// What another object owns is that one's, whatever label it has inherited.
func (t Tracking) Claims(app string, kind schema.GroupVersionKind, o metav1.ObjectMeta) bool {
	if isHook(o.Annotations) || strings.Contains(o.Annotations["argocd.argoproj.io/compare-options"], "IgnoreExtraneous") {
		return false
	}
	if id := o.Annotations[trackingAnnotation]; id != "" {
		return appOf(id, kind, o) == app
	}
	return t.Label != "" && o.Labels[t.Label] == app && len(o.OwnerReferences) == 0
}

// Apps are the Applications that could claim an object.
func Apps(kind schema.GroupVersionKind, o metav1.ObjectMeta) []string {
	if id := o.Annotations[trackingAnnotation]; id != "" {
		return []string{appOf(id, kind, o)}
	}
	var apps []string
	for _, key := range labelKeys {
		if app := o.Labels[key]; app != "" && !slices.Contains(apps, app) {
			apps = append(apps, app)
		}
	}
	return apps
}

// appOf reads APP:GROUP/KIND:NAMESPACE/NAME, where APP may have the namespace of
// the Application before a _. It is empty where the annotation is another
// object's, copied along with the rest: Argo CD passes over those.
func appOf(id string, kind schema.GroupVersionKind, o metav1.ObjectMeta) string {
	parts := strings.Split(id, ":")
	if len(parts) < 3 {
		return ""
	}
	group, ofKind, _ := strings.Cut(parts[1], "/")
	namespace, name, _ := strings.Cut(strings.Join(parts[2:], ":"), "/")
	if group != kind.Group || ofKind != kind.Kind || name != o.Name || o.Namespace != "" && namespace != o.Namespace {
		return ""
	}
	if _, app, ok := strings.Cut(parts[0], "_"); ok {
		return app
	}
	return parts[0]
}

// Mark is how one object in git is tracked on the host.
type Mark struct {
	// Annotation is set where the tracking annotation names this object and this
	// Application.
	Annotation bool
	// Labels are the keys that Argo CD can track by, have the Application's name,
	// and are not git's own.
	Labels []string
	// inGit are such keys that git sets itself.
	inGit []string
}

// MarkOf returns how the host's object is tracked as one of the Application's.
func MarkOf(app string, want, live *unstructured.Unstructured) Mark {
	meta := metav1.ObjectMeta{Name: live.GetName(), Namespace: live.GetNamespace()}
	id := live.GetAnnotations()[trackingAnnotation]
	m := Mark{Annotation: id != "" && appOf(id, live.GroupVersionKind(), meta) == app}
	for _, key := range labelKeys {
		switch {
		case want.GetLabels()[key] != "":
			m.inGit = append(m.inGit, key)
		case live.GetLabels()[key] == app:
			m.Labels = append(m.Labels, key)
		}
	}
	return m
}

// Method is how an installation of Argo CD tracks objects. The zero value is one
// of which nothing is known.
type Method struct {
	annotation bool
	// alone and beside are the labels seen on objects without the annotation, and
	// with it.
	alone, beside []string
}

// Learn takes in how one object is tracked.
func (m *Method) Learn(mark Mark) {
	m.annotation = m.annotation || mark.Annotation
	if mark.Annotation {
		m.beside = append(m.beside, mark.Labels...)
	} else {
		m.alone = append(m.alone, mark.Labels...)
	}
}

// Lost returns the annotation or label by which an object should be tracked, as
// others are, and is not: to Argo CD it is out of sync. It is empty where the
// object is tracked, and where nothing is.
func (m *Method) Lost(mark Mark) string {
	keys := m.beside
	switch {
	case m.annotation && !mark.Annotation:
		return "annotation " + trackingAnnotation
	case !m.annotation:
		keys = m.alone
	}
	for _, key := range keys {
		if !slices.Contains(mark.Labels, key) && !slices.Contains(mark.inGit, key) {
			return "label " + key
		}
	}
	return ""
}
