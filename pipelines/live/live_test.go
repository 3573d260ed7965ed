package live_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/difference"
	"kasou/pipelines/live"
	"kasou/pipelines/manifest"
)

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestObjects(t *testing.T) {
	objects, err := live.Objects(manifest.Files{"m/a.yaml": []byte(`# nothing
---
apiVersion: v1
kind: List
items:
- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: hook, annotations: {helm.sh/hook: pre-install}}}
---
{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "b", "namespace": "n"}}
`)})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range objects {
		names = append(names, o.Name())
	}
	if !slices.Equal(names, []string{"ConfigMap a", "ConfigMap n/b"}) || objects[1].Line != 9 {
		t.Errorf("%v, line %d", names, objects[1].Line)
	}
	var bad *live.FileError
	if _, err := live.Objects(manifest.Files{"m/b.yaml": []byte("a: b\n---\n[1]\n")}); !errors.As(err, &bad) || bad.Line != 1 {
		t.Errorf("%v, want an error at the first document", err)
	}
}

const application = `
kind: Application
spec:
  ignoreDifferences:
  - {group: apps, kind: StatefulSet, jsonPointers: [/spec/volumeClaimTemplates, /metadata/annotations/a~1b]}
`

func TestIgnoredIsAsOnTheHost(t *testing.T) {
	ignored, err := live.IgnoredBy(object(t, application))
	if err != nil {
		t.Fatal(err)
	}
	want := object(t, `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s, annotations: {a/b: git, c: git}}, spec: {replicas: 1, volumeClaimTemplates: [git]}}`)
	have := object(t, `{apiVersion: apps/v1, kind: StatefulSet, metadata: {name: s, annotations: {c: host}}, spec: {replicas: 0, volumeClaimTemplates: [host]}}`)
	sent, err := live.Wanted(want, have, ignored)
	if err != nil {
		t.Fatal(err)
	}
	data, _ := yaml.Marshal(sent.Object)
	if got := string(data); strings.Contains(got, "a/b") || !strings.Contains(got, "- host") || !strings.Contains(got, "c: git") || !strings.Contains(got, "replicas: 1") {
		t.Errorf("sent\n%s", got)
	}
	other := object(t, `{apiVersion: v1, kind: Service, metadata: {name: s, annotations: {a/b: git}}}`)
	if sent, err := live.Wanted(other, have, ignored); err != nil || sent.GetAnnotations()["a/b"] != "git" {
		t.Errorf("another kind: %v, %v", sent, err)
	}
}

func TestCompare(t *testing.T) {
	want := object(t, `{kind: ConfigMap, metadata: {name: m, labels: {app.kubernetes.io/instance: helm}}, data: {a: "1"}}`)
	have := `{kind: ConfigMap, metadata: {name: m, uid: u, resourceVersion: "1", generation: 1, managedFields: [{manager: x}],
		labels: {app.kubernetes.io/instance: helm}, annotations: {argocd.argoproj.io/tracking-id: x}}, data: {a: "1"}, status: {x: 1}}`
	after := strings.NewReplacer("tracking-id: x", "tracking-id: y", `"1", generation: 1`, `"2", generation: 2`, "status: {x: 1}", "status: {}").Replace(have)
	if change, err := live.Compare(want, object(t, have), object(t, after)); err != nil || change != nil {
		t.Errorf("what servers and Argo CD write: %+v, %v", change, err)
	}
	after = strings.NewReplacer(`{a: "1"}, s`, `{a: "2", b: "two\nlines"}, s`, "instance: helm", "instance: other").Replace(have)
	change, err := live.Compare(want, object(t, have), object(t, after))
	if err != nil || change == nil {
		t.Fatalf("%+v, %v", change, err)
	}
	fields := []difference.Value{
		{Path: "data.a", Old: `"1"`, New: `"2"`}, {Path: "data.b", New: `"two\nlines"`},
		{Path: `metadata.labels."app.kubernetes.io/instance"`, Old: `helm`, New: `other`},
	}
	same := func(a, b difference.Value) bool { return a.Path == b.Path && a.Old == b.Old && a.New == b.New }
	if !slices.EqualFunc(change.Fields, fields, same) {
		t.Errorf("%+v", change.Fields)
	}
}

func TestTouched(t *testing.T) {
	o := object(t, `
metadata:
  managedFields:
  - {manager: argocd-controller, operation: Apply, time: "2026-03-03T00:00:00Z"}
  - {manager: kubectl-edit, operation: Update, time: "2026-01-01T00:00:00Z"}
  - {manager: helm, operation: Update, time: "2026-02-02T00:00:00Z"}
  - {manager: kube-controller-manager, operation: Update, subresource: status, time: "2026-04-04T00:00:00Z"}
`)
	if by, at := live.Touched(o); by != "helm" || at.Format("2006-01-02") != "2026-02-02" {
		t.Errorf("%s at %s", by, at)
	}
}

func TestTracking(t *testing.T) {
	maps := schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
	roles := schema.GroupVersionKind{Group: "rbac.authorization.k8s.io", Version: "v1", Kind: "ClusterRole"}
	const id, label = "argocd.argoproj.io/tracking-id", "app.kubernetes.io/instance"
	byLabel := live.Tracking{}
	byLabel.Learn("dev", object(t, `{metadata: {name: n}}`), object(t, `{metadata: {name: n, labels: {app.kubernetes.io/instance: dev}}}`))
	helms := live.Tracking{}
	helms.Learn("dev", object(t, `{metadata: {labels: {app.kubernetes.io/instance: dev}}}`), object(t, `{metadata: {labels: {app.kubernetes.io/instance: dev}}}`))
	for name, c := range map[string]struct {
		tracking live.Tracking
		kind     schema.GroupVersionKind
		meta     metav1.ObjectMeta
		want     bool
	}{
		"annotation":         {kind: maps, meta: metav1.ObjectMeta{Name: "m", Namespace: "d", Annotations: map[string]string{id: "dev:/ConfigMap:d/m"}}, want: true},
		"any namespace":      {kind: maps, meta: metav1.ObjectMeta{Name: "m", Namespace: "d", Annotations: map[string]string{id: "argocd_dev:/ConfigMap:d/m"}}, want: true},
		"without namespace":  {kind: roles, meta: metav1.ObjectMeta{Name: "system:m", Annotations: map[string]string{id: "dev:rbac.authorization.k8s.io/ClusterRole:d/system:m"}}, want: true},
		"copied":             {kind: maps, meta: metav1.ObjectMeta{Name: "m", Namespace: "d", Annotations: map[string]string{id: "dev:/ConfigMap:d/other"}}},
		"copied to a kind":   {kind: maps, meta: metav1.ObjectMeta{Name: "m", Namespace: "d", Annotations: map[string]string{id: "dev:/Service:d/m"}}},
		"another's":          {kind: maps, meta: metav1.ObjectMeta{Name: "m", Namespace: "d", Annotations: map[string]string{id: "prod:/ConfigMap:d/m"}}},
		"no id":              {kind: maps, meta: metav1.ObjectMeta{Name: "m", Namespace: "d", Annotations: map[string]string{id: "dev"}}},
		"label":              {tracking: byLabel, kind: maps, meta: metav1.ObjectMeta{Name: "m", Labels: map[string]string{label: "dev"}}, want: true},
		"owned":              {tracking: byLabel, kind: maps, meta: metav1.ObjectMeta{Name: "m", Labels: map[string]string{label: "dev"}, OwnerReferences: []metav1.OwnerReference{{Name: "o"}}}},
		"label of Helm":      {tracking: helms, kind: maps, meta: metav1.ObjectMeta{Name: "m", Labels: map[string]string{label: "dev"}}},
		"hook":               {tracking: byLabel, kind: maps, meta: metav1.ObjectMeta{Name: "m", Labels: map[string]string{label: "dev"}, Annotations: map[string]string{"helm.sh/hook": "test"}}},
		"ignored by request": {tracking: byLabel, kind: maps, meta: metav1.ObjectMeta{Name: "m", Labels: map[string]string{label: "dev"}, Annotations: map[string]string{"argocd.argoproj.io/compare-options": "IgnoreExtraneous"}}},
	} {
		if got := c.tracking.Claims("dev", c.kind, c.meta); got != c.want {
			t.Errorf("%s: claimed %t", name, got)
		}
		if c.want && !slices.Contains(live.Apps(c.kind, c.meta), "dev") {
			t.Errorf("%s: no candidate", name)
		}
	}
}
