package conform_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"kasou/pipelines/conform"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

const goodService = `---
# Source: vcluster/templates/service.yaml
apiVersion: v1
kind: Service
metadata:
  name: dev
spec:
  ports:
    - port: 443
      targetPort: https
`

const application = `apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: dev, namespace: argocd}
spec:
  project: default
  destination: {server: "https://kubernetes.default.svc", namespace: dev}
  source: {repoURL: "https://github.com/acme/platform.git", path: clusters/dev/manifests, targetRevision: main}
`

func TestCheck(t *testing.T) {
	schemas := open(t, "1.34.1")
	tests := []struct {
		name, file, content string
		want                []string // position, message and rule
	}{
		{"good", "a.yaml", goodService, nil},
		{"null for an optional field", "a.yaml", "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: a}\nspec:\n  storageClassName: null\n", nil},
		{"what Argo CD passes over", "a.yaml", strings.Replace(goodService, "name: dev", "name: dev # +argocd:skip-file-rendering", 1), []string{
			"a.yaml:6:1: Argo CD passes over a file with the text +argocd:skip-file-rendering, wherever it stands [conform-ignored-file]"}},
		{"nothing in it", "a.yaml", "---\n# nothing\n", nil},
		{"good Application", "a.yaml", application, nil},
		{"bad Application", "a.yaml", strings.Replace(application, "targetRevision", "revision", 1), []string{
			"a.yaml:7:91: Application dev: spec.source.revision: unknown field [conform-invalid]"}},
		{"AppProject", "a.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: AppProject\nmetadata: {name: a}\nspec: {sourceRepos: x}\n", []string{
			"a.yaml:4:8: AppProject a: spec.sourceRepos: is a string, must be a list [conform-invalid]"}},
		{"SealedSecret", "a.yaml", "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\nspec:\n  encryptedData: {k: 1}\n", []string{
			"a.yaml:5:19: SealedSecret a: spec.encryptedData.k: is a number, must be a string [conform-invalid]"}},
		{"unknown field in the second document", "a.yaml", goodService + strings.NewReplacer("name: dev", "name: two", "port: 443", "prot: 443").Replace(goodService), []string{
			"a.yaml:19:7: Service two: spec.ports[0].prot: unknown field [conform-invalid]",
			"a.yaml:19:7: Service two: spec.ports[0]: the field \"port\" is missing [conform-invalid]"}},
		{"wrong type deep down", "a.yaml", `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: dev
  labels: {a: true}
spec:
  serviceName: dev
  selector: {}
  template:
    spec:
      containers:
        - name: syncer
          env:
            - name: A
              value: 1
`, []string{
			"a.yaml:5:12: StatefulSet dev: metadata.labels.a: is a boolean, must be a string [conform-invalid]",
			"a.yaml:15:15: StatefulSet dev: spec.template.spec.containers[0].env[0].value: is a number, must be a string [conform-invalid]"}},
		{"unknown kind", "a.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n", []string{
			"a.yaml:2:1: no schema for example.com/v1 Widget [conform-unknown-kind]"}},
		{"kind of another Kubernetes", "a.yaml", "apiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: a}\n", []string{
			"a.yaml:2:1: Kubernetes 1.34.1 has no policy/v1beta1 PodDisruptionBudget [conform-unknown-kind]"}},
		{"a group that begins alike", "a.yaml", "apiVersion: networking.example.com/v1\nkind: Ingress\nmetadata: {name: a}\n", []string{
			"a.yaml:2:1: no schema for networking.example.com/v1 Ingress [conform-unknown-kind]"}},
		{"no kind", "a.yaml", "a: 1\napiVersion: v1\n", []string{"a.yaml:1:1: not a Kubernetes object: no kind [conform-not-an-object]"}},
		{"not a mapping", "a.yaml", "- 1\n", []string{"a.yaml:1:1: not a Kubernetes object: no apiVersion [conform-not-an-object]"}},
		{"a path for a kind", "a.yaml", "apiVersion: v1\nkind: ../../x\n", []string{
			"a.yaml:2:1: not a Kubernetes object: kind is not a name of a kind, such as Deployment [conform-not-an-object]"}},
		{"a path for a version", "a.yaml", "apiVersion: ../x\nkind: Pod\n", []string{
			"a.yaml:1:1: not a Kubernetes object: apiVersion is not a group and version, such as apps/v1 [conform-not-an-object]"}},
		{"no name", "a.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata:\n  labels: {}\n", []string{
			"a.yaml:3:1: ServiceAccount without metadata.name [conform-no-name]"}},
		{"a name to be made", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-}\n", []string{
			"a.yaml:3:12: ConfigMap with metadata.generateName and without a name: Argo CD gives one to hooks alone [conform-no-name]"}},
		{"a name to be made, of a hook", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: a-, annotations: {argocd.argoproj.io/hook: PreSync}}\n", nil},
		{"a live object", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  creationTimestamp: null\n  resourceVersion: \"1\"\n  uid: x\n" +
			"  managedFields: [{manager: a}]\n  ownerReferences: [{apiVersion: v1, kind: Pod, name: a, uid: x}]\n", []string{
			"a.yaml:6:3: ConfigMap a: metadata.resourceVersion is the API server's to write: a sync with it fails [conform-live-field]",
			"a.yaml:7:3: ConfigMap a: metadata.uid is the API server's to write: a sync with it fails [conform-live-field]",
			"a.yaml:8:3: ConfigMap a: metadata.managedFields is the API server's to write: a sync with it fails [conform-live-field]",
			"a.yaml:9:3: ConfigMap a: metadata.ownerReferences is the API server's to write: the object is deleted with an owner that git cannot know [conform-live-field]"}},
		{"no YAML", "a.yaml", goodService + "---\na: [\n", []string{"a.yaml:13: did not find expected node content [conform-syntax]"}},
		{"a key twice", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a: b\n  a: c\n", []string{
			"a.yaml:6:3: the key \"a\" stands in line 5 already [conform-syntax]"}},
		{"a document end marker", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n...\nkind: Pod\n", []string{
			"a.yaml:5:1: something stands behind a ... line; write --- in front of it [conform-syntax]"}},
		{"content behind a marker", "a.yaml", "--- {kind: Pod}\n", []string{
			"a.yaml:1:1: something stands behind a ---; put it on a line of its own [conform-syntax]"}},
		{"the same twice", "a.yaml", goodService + strings.Replace(goodService, "name: dev", "name: dev\n  namespace: dev", 1), []string{
			"a.yaml:16:3: Service dev is in a.yaml:6 already [conform-duplicate]"}},
		{"a list", "a.yaml", "apiVersion: v1\nkind: List\nitems:\n" +
			"  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n" +
			"  - apiVersion: v1\n    kind: ConfigMap\n    metadata: {name: b}\n    date: {}\n", []string{
			"a.yaml:8:5: ConfigMap b: date: unknown field [conform-invalid]"}},
		{"an empty list", "a.yaml", "apiVersion: v1\nkind: List\nitems: []\n", nil},
		{"a list of one kind", "a.yaml", "apiVersion: v1\nkind: ConfigMapList\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}, x: 1}\n", []string{
			"a.yaml:4:58: ConfigMap a: x: unknown field [conform-invalid]"}},
		{"JSON", "a.json", "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\",\n \"metadata\": {\"name\": 1}}", []string{
			"a.json:2:15: ConfigMap 1: metadata.name: is a number, must be a string [conform-invalid]"}},
		{"JSON as Helm writes it", "a.json", "---\n# Source: c/templates/a.json\n{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"metadata\": {\"name\": \"a\"}}\n", []string{
			"a.json:1:1: Argo CD reads a .json file as JSON, and Helm writes a --- line at its head: Argo CD would deploy nothing of the cluster [conform-syntax]"}},
		{"a name that no API server takes", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"a\\n# b\"}\n", []string{
			"a.yaml:3:12: ConfigMap \"a\\n# b\": the API server takes no such name [conform-no-name]"}},
		{"labels that no API server takes", "a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels: {example.com/ok: A_b.c, bad key: x, x: a+b}\n  annotations: {Example.com/OK: any +, a/b/c: x}\n", []string{
			"a.yaml:5:35: ConfigMap a: metadata.labels: the API server takes no name \"bad key\" [conform-invalid]",
			"a.yaml:5:47: ConfigMap a: metadata.labels: the API server takes no value \"a+b\" of x [conform-invalid]",
			"a.yaml:6:40: ConfigMap a: metadata.annotations: the API server takes no name \"a/b/c\" [conform-invalid]"}},
		{"a role's name", "a.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: 'system:A b'}\n", nil},
		{"a name that is not read", "a.txt", "hello", []string{
			"a.txt:1:1: Argo CD reads .yaml, .yml and .json files only, so this file would not be deployed [conform-ignored-file]"}},
		{"too large", "a.yaml", "#" + strings.Repeat("x", 33<<20), []string{
			"a.yaml:1:1: the file has 34603009 bytes; 33554432 is the limit [conform-too-large]",
			"clusters/dev/spec.yaml: the manifests have 34603009 bytes, and Argo CD reads 10000000 of one Application: it would deploy none of them [conform-folder-size]"}},
		{"as large as Argo CD reads", "a.yaml", "#" + strings.Repeat("x", 10_000_000-1), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range check(t, schemas, manifest.Files{test.file: []byte(test.content)}) {
				got = append(got, fmt.Sprintf("%s: %s [%s]", f.Position(), f.Message, f.Rule))
				if f.Hint == "" || f.Cluster != "dev" {
					t.Errorf("%s: hint %q, cluster %q", f, f.Hint, f.Cluster)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestValuesStayOutOfMessages(t *testing.T) {
	files := manifest.Files{"a.yaml": []byte("apiVersion: v1\nkind: Secret\nmetadata: {name: a, creationTimestamp: hunter2}\ndata: hunter2\nstringData: {a: [hunter2]}\ntype: {hunter2: 1}\n")}
	findings := check(t, open(t, "1.34.1"), files)
	if len(findings) != 4 {
		t.Errorf("%d findings, want 4", len(findings))
	}
	for _, f := range findings {
		if strings.Contains(f.Message+f.Hint, "hunter2") {
			t.Errorf("a value in %s", f)
		}
	}
}

// dropping forgets a document.
type dropping struct{ toolchain.Kubeconform }

func (d dropping) Validate(ctx context.Context, s toolchain.Schemas, of ...toolchain.Manifests) []toolchain.Result[[]toolchain.Validation] {
	results := d.Kubeconform.Validate(ctx, s, of...)
	results[0].Value = results[0].Value[1:]
	return results
}

func TestEveryDocumentIsCounted(t *testing.T) {
	c := fleet.Cluster{Name: "dev"}
	files := manifest.Files{"a.yaml": []byte(goodService)}
	if _, err := conform.Check(context.Background(), dropping{kubeconform}, open(t, "1.34.1"), conform.Job{Cluster: c, Files: manifest.ParseAll(manifest.Rendered, files)})[0].Get(); err == nil {
		t.Error("a document without a result is not an error")
	}
}

func TestTenThousandDocuments(t *testing.T) {
	const count = 10000
	var file strings.Builder
	for i := range count {
		fmt.Fprintf(&file, "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c%d\ndate: {}\n", i)
	}
	findings := check(t, open(t, "1.34.1"), manifest.Files{"a.yaml": []byte(file.String())})
	if len(findings) != count {
		t.Fatalf("%d findings, want %d", len(findings), count)
	}
	for i, f := range findings {
		want := fmt.Sprintf("a.yaml:%d:1: error: ConfigMap c%d: date: unknown field [conform-invalid]", 6*i+6, i)
		if f.String() != want {
			t.Fatalf("finding %d: %s, want %s", i, f, want)
		}
	}
}
