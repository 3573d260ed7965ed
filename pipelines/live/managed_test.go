package live_test

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"kasou/pipelines/live"
)

// A Deployment as a host of 1.34 has it after a sync; the values that do not
// matter are left out. ENTRIES, ANNOTATIONS, CONTAINERS and the like are what
// somebody did to it.
const (
	gitDeployment = `{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, labels: {app: d}}, spec: {template: {spec: {containers: [
		{name: main, image: i, ports: [{containerPort: 8443}], securityContext: {}}]}}}}`
	applied = `- {manager: argocd-controller, operation: Apply, time: "2026-11-01T00:00:00Z", fieldsType: FieldsV1, fieldsV1: {
    "f:metadata": {"f:labels": {"f:app": {}}},
    "f:spec": {"f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:name": {}, "f:image": {}, "f:securityContext": {},
      "f:ports": {'k:{"containerPort":8443,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}}}}}}}}
`
)

// hostDeployment returns the host's Deployment with somebody's managed fields,
// and the prediction for it, which takes away what Argo CD alone owns.
func hostDeployment(t *testing.T, entries string) (have, predicted *unstructured.Unstructured) {
	t.Helper()
	text := `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: d
  labels: {app: d, theirs: x}
  annotations: {deployment.kubernetes.io/revision: "1", argocd.argoproj.io/tracking-id: "x", a.b/c: x,
    kubectl.kubernetes.io/last-applied-configuration: '{"metadata": {"labels": {"app": "d", "theirs": "x"}, "annotations": {}},
      "spec": {"paused": null, "template": {"spec": {"containers": [{"name": "main", "env": [{"name": "OLD"}], "args": ["a"]}, {"name": "gone"}]}}}}'}
  managedFields:
`
	below := `
spec:
  replicas: 2
  template:
    spec:
      initContainers: [{name: evil, image: e, securityContext: {privileged: true}}]
      containers:
      - {name: main, image: i, ports: [{containerPort: 8443, protocol: TCP}, {containerPort: 1, protocol: UDP}], securityContext: {privileged: true}, env: [{name: OLD}, {name: NEW, value: secret}]}
      tolerations: [{key: a}]
status: {replicas: 1}
`
	return object(t, text+indent(applied+entries)+below), object(t, text+indent(applied)+below)
}

func indent(entries string) string { return "  " + entries }

func entry(manager, operation, fields string) string {
	return "  - {manager: " + manager + ", operation: " + operation + `, time: "2026-11-02T03:04:05Z", fieldsType: FieldsV1, fieldsV1: {` + fields + "}}\n"
}

func TestManagedNamesWhatOthersAdd(t *testing.T) {
	const template = `"f:spec": {"f:template": {"f:spec": {`
	for name, c := range map[string]struct {
		manager, fields string
		want            []string
	}{
		"nothing": {"kubectl-edit", ``, nil},
		"an init container, privileged": {"kubectl-edit", template + `"f:initContainers": {'k:{"name":"evil"}': {".": {}, "f:name": {}, "f:image": {}, "f:securityContext": {"f:privileged": {}}}}}}}`,
			[]string{`spec.template.spec.initContainers[name="evil"]`}},
		"the first init container, with its list": {"kubectl-patch", template + `"f:initContainers": {".": {}, 'k:{"name":"evil"}': {".": {}, "f:name": {}}}}}}`,
			[]string{`spec.template.spec.initContainers[name="evil"]`}},
		"a variable":        {"kubectl-set", template + `"f:containers": {'k:{"name":"main"}': {"f:env": {'k:{"name":"NEW"}': {".": {}, "f:name": {}, "f:value": {}}}}}}}}`, []string{`spec.template.spec.containers[name="main"].env[name="NEW"]`}},
		"a port":            {"m", template + `"f:containers": {'k:{"name":"main"}': {"f:ports": {'k:{"containerPort":1,"protocol":"UDP"}': {".": {}, "f:containerPort": {}, "f:protocol": {}}}}}}}}`, []string{`spec.template.spec.containers[name="main"].ports[containerPort=1,protocol="UDP"]`}},
		"in an empty map":   {"m", template + `"f:containers": {'k:{"name":"main"}': {"f:securityContext": {"f:privileged": {}}}}}}}`, []string{`spec.template.spec.containers[name="main"].securityContext.privileged`}},
		"what git has, too": {"m", `"f:metadata": {"f:labels": {".": {}, "f:app": {}}}`, nil},
		"labels and annotations": {"m", `"f:metadata": {"f:labels": {"f:theirs": {}}, "f:annotations": {".": {}, "f:a.b/c": {}}}`,
			[]string{`metadata.annotations."a.b/c"`, "metadata.labels.theirs"}},
		"replicas, by an autoscaler":       {"kube-controller-manager", `"f:spec": {"f:replicas": {}}`, []string{"spec.replicas"}},
		"what a controller records":        {"kube-controller-manager", `"f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}`, nil},
		"the same by somebody else":        {"kubectl-edit", `"f:metadata": {"f:annotations": {"f:deployment.kubernetes.io/revision": {}}}`, []string{`metadata.annotations."deployment.kubernetes.io/revision"`}},
		"status":                           {"m", `"f:status": {"f:replicas": {}}`, nil},
		"finalizers, owners":               {"m", `"f:metadata": {"f:finalizers": {".": {}, 'v:"x"': {}}, "f:ownerReferences": {}}`, nil},
		"what is no longer there":          {"m", `"f:spec": {"f:paused": {}}`, nil},
		"Argo CD's own marks":              {"m", `"f:metadata": {"f:annotations": {"f:argocd.argoproj.io/tracking-id": {}, "f:kubectl.kubernetes.io/last-applied-configuration": {}}}`, nil},
		"a webhook during Argo CD's apply": {"argocd-controller", template + `"f:tolerations": {}}}}`, nil},
		"an item of a plain list":          {"m", template + `"f:tolerations": {}}}}`, []string{"spec.template.spec.tolerations"}},
	} {
		t.Run(name, func(t *testing.T) {
			have, predicted := hostDeployment(t, entry(c.manager, "Update", c.fields))
			added, stale, err := live.Managed(object(t, gitDeployment), have, predicted)
			if err != nil || len(stale) > 0 {
				t.Fatalf("stale %q, %v", stale, err)
			}
			var got []string
			for _, a := range added {
				got = append(got, a.Path)
				if a.Manager != c.manager || a.At.Format("2006-01-02T15:04:05") != "2026-11-02T03:04:05" {
					t.Errorf("%+v", a)
				}
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// What Argo CD applied and git no longer has is no other's addition.
func TestManagedNamesWhatASyncWouldLeave(t *testing.T) {
	for name, c := range map[string]struct {
		entries string
		want    []string
	}{
		"applied, by another name of Argo CD": {entry("argocd-application-controller", "Apply", `"f:spec": {"f:replicas": {}}, "f:metadata": {"f:labels": {"f:app": {}}}`), []string{"spec.replicas"}},
		"synced by the client": {entry("argocd-controller", "Update", `"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/last-applied-configuration": {}}}, "f:spec": {"f:replicas": {}}`),
			[]string{"metadata.labels.theirs", `spec.template.spec.containers[name="main"].env`}},
		"another's record": {entry("kubectl-client-side-apply", "Update", `"f:metadata": {"f:annotations": {"f:kubectl.kubernetes.io/last-applied-configuration": {}}}`), nil},
	} {
		t.Run(name, func(t *testing.T) {
			have, predicted := hostDeployment(t, c.entries)
			added, stale, err := live.Managed(object(t, gitDeployment), have, predicted)
			if err != nil || len(added) > 0 || !slices.Equal(stale, c.want) {
				t.Errorf("%q, want %q; added %v, %v", stale, c.want, added, err)
			}
		})
	}
}

func TestManagedFieldsThatCannotBeRead(t *testing.T) {
	want := object(t, gitDeployment)
	have, predicted := hostDeployment(t, "")
	if _, _, err := live.Managed(want, have, object(t, gitDeployment)); err == nil {
		t.Error("a prediction without managed fields tells nothing")
	}
	broken, _ := hostDeployment(t, entry("m", "Update", `"f:spec": 1`))
	if _, _, err := live.Managed(want, broken, predicted); err == nil {
		t.Error("managed fields that do not parse")
	}
}

// What the host puts back where it is taken out is its own.
func TestWithoutWhatWasAdded(t *testing.T) {
	have, predicted := hostDeployment(t, entry("m", "Update", `"f:metadata": {"f:annotations": {"f:a.b/c": {}}},
		"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers": {'k:{"name":"main"}': {"f:ports": {'k:{"containerPort":1,"protocol":"UDP"}': {".": {}}}}}}}}`))
	added, _, err := live.Managed(object(t, gitDeployment), have, predicted)
	if err != nil {
		t.Fatal(err)
	}
	patch, err := live.Without(added)
	const want = `[{"op":"remove","path":"/spec/template/spec/containers/0/ports/1"},{"op":"remove","path":"/spec/replicas"},{"op":"remove","path":"/metadata/annotations/a.b~1c"}]`
	if err != nil || string(patch) != want {
		t.Errorf("%s, %v", patch, err)
	}
	for replicas, want := range map[string]int{"2": 2, "1": 3} { // the host has 2
		without := object(t, `{spec: {replicas: `+replicas+`}}`)
		if left := live.StillAdded(added, without); len(left) != want {
			t.Errorf("with replicas of %s: %+v", replicas, left)
		}
	}
}

func TestUnsealed(t *testing.T) {
	fields := metav1.NewFieldsV1
	sealed := object(t, `{kind: SealedSecret, metadata: {name: s, namespace: n}, spec: {encryptedData: {ours: x}}}`)
	meta := metav1.ObjectMeta{Name: "s", Namespace: "n",
		OwnerReferences: []metav1.OwnerReference{{Kind: "SealedSecret", Name: "s", UID: "u"}},
		ManagedFields: []metav1.ManagedFieldsEntry{
			{Manager: "controller", Operation: "Update", FieldsV1: fields(`{"f:data":{".":{},"f:ours":{}},"f:metadata":{"f:ownerReferences":{".":{},"k:{\"uid\":\"u\"}":{}}},"f:type":{}}`)},
			{Manager: "kubectl-patch", Operation: "Update", FieldsV1: fields(`{"f:data":{"f:theirs":{},"f:ours":{}},"f:metadata":{"f:labels":{".":{},"f:l":{}},"f:annotations":{"f:sealedsecrets.bitnami.com/managed":{}}}}`)},
		}}
	added, err := live.Unsealed(sealed, meta)
	var got []string
	for _, a := range added {
		got = append(got, a.Manager+" "+a.Path)
	}
	if want := []string{"kubectl-patch data.ours", "kubectl-patch data.theirs", "kubectl-patch metadata.labels.l"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
	meta.OwnerReferences = nil
	if added, err := live.Unsealed(sealed, meta); err != nil || len(added) > 0 {
		t.Errorf("a Secret that is not the controller's: %v, %v", added, err)
	}
}

func TestMethodOfTracking(t *testing.T) {
	const id = "argocd.argoproj.io/tracking-id"
	git, helms := `{apiVersion: v1, kind: ConfigMap, metadata: {name: m}}`, `{apiVersion: v1, kind: ConfigMap, metadata: {name: m, labels: {app.kubernetes.io/instance: dev}}}`
	on := func(want string, metadata string) live.Mark {
		have := object(t, "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: n, "+metadata+"}}")
		return live.MarkOf("dev", object(t, want), have)
	}
	annotated := on(git, `annotations: {`+id+`: "dev:/ConfigMap:n/m"}`)
	labelled := on(git, `labels: {app.kubernetes.io/instance: dev}`)
	both := on(git, `labels: {app.kubernetes.io/instance: dev}, annotations: {`+id+`: "dev:/ConfigMap:n/m"}`)
	for name, c := range map[string]struct {
		seen []live.Mark
		of   live.Mark
		want string
	}{
		"nobody is tracked":          {nil, on(git, ""), ""},
		"by annotation":              {[]live.Mark{annotated}, on(git, ""), "annotation " + id},
		"by annotation, another's":   {[]live.Mark{annotated}, on(git, `annotations: {`+id+`: "prod:/ConfigMap:n/m"}`), "annotation " + id},
		"by annotation, still there": {[]live.Mark{annotated}, annotated, ""},
		"by label":                   {[]live.Mark{labelled}, on(git, ""), "label app.kubernetes.io/instance"},
		"by a label that git sets":   {[]live.Mark{labelled}, on(helms, `labels: {app.kubernetes.io/instance: dev}`), ""},
		"not synced since 3.0":       {[]live.Mark{annotated, labelled}, annotated, ""},
		"by both, without the label": {[]live.Mark{both}, annotated, "label app.kubernetes.io/instance"},
		"by both":                    {[]live.Mark{both}, both, ""},
	} {
		var method live.Method
		for _, mark := range c.seen {
			method.Learn(mark)
		}
		if got := method.Lost(c.of); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
