package conform_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"kasou/internal/realtool"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// verdicts are those of the real kubeconform command.
var verdicts = map[toolchain.Status]string{
	toolchain.Valid: "statusValid", toolchain.Invalid: "statusInvalid",
	toolchain.NoSchema: "statusError", toolchain.Broken: "statusError", toolchain.Empty: "",
}

func TestVerdictsEqualTheCommands(t *testing.T) {
	documents := map[string]struct {
		want toolchain.Status
		data string
	}{
		"service":           {toolchain.Valid, goodService[4:]},
		"application":       {toolchain.Valid, application},
		"null field":        {toolchain.Valid, "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: null}\n"},
		"null required":     {toolchain.Invalid, "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: null}]}\n"},
		"unknown field":     {toolchain.Invalid, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndate: {}\n"},
		"wrong type":        {toolchain.Invalid, "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {a: 1}\n"},
		"missing field":     {toolchain.Invalid, "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {}\n"},
		"bad time":          {toolchain.Invalid, "apiVersion: v1\nkind: Pod\nmetadata: {name: a, creationTimestamp: soon}\n"},
		"bad application":   {toolchain.Invalid, "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: a}\nspec: {}\n"},
		"unknown kind":      {toolchain.NoSchema, "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\n"},
		"kind in lowercase": {toolchain.Invalid, "apiVersion: v1\nkind: pod\nmetadata: {name: a}\n"},
		"no kind":           {toolchain.Broken, "apiVersion: v1\n"},
		"no version":        {toolchain.Broken, "kind: Pod\n"},
		"a key twice":       {toolchain.Broken, "apiVersion: v1\nkind: Pod\nkind: Pod\n"},
		"no YAML":           {toolchain.Broken, "a: [\n"},
		"null":              {toolchain.Empty, "null\n"},
	}
	schemas := open(t, "1.34.1")
	binary := realtool.Build(t, "github.com/yannh/kubeconform/cmd/kubeconform")
	for name, test := range documents {
		t.Run(name, func(t *testing.T) {
			results, err := kubeconform.Validate(context.Background(), schemas, toolchain.Manifests{Documents: []manifest.Document{manifest.NewDocument(manifest.Other, "a.yaml", 1, []byte(test.data))}})[0].Get()
			if err != nil {
				t.Fatal(err)
			}
			if results[0].Status != test.want {
				t.Errorf("status %d, want %d: %v", results[0].Status, test.want, results[0].Problems)
			}
			if results[0].Status == toolchain.Invalid && len(results[0].Problems) == 0 {
				t.Error("invalid, and no problem says why")
			}
			if got := command(t, binary, schemas, test.data); got != verdicts[test.want] {
				t.Errorf("the command says %s", got)
			}
		})
	}
}

// command returns the status that the kubeconform command prints.
func command(t *testing.T, binary string, schemas toolchain.Schemas, data string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte(data), 0o644); err != nil {
		t.Fatal(err)
	}
	args := []string{"-strict", "-verbose", "-output", "json", "-kubernetes-version", schemas.KubernetesVersion}
	for _, location := range schemas.Locations {
		args = append(args, "-schema-location", location)
	}
	out, err := exec.Command(binary, append(args, file)...).Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	var report struct {
		Resources []struct{ Status string } `json:"resources"`
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatal(fmt.Errorf("%w: %s", err, out))
	}
	if len(report.Resources) == 0 {
		return "nothing"
	}
	return report.Resources[0].Status
}

func BenchmarkValidate(b *testing.B) {
	schemas := open(b, "1.34.1")
	documents := make([]manifest.Document, 0, 1000)
	for i := range cap(documents) {
		documents = append(documents, manifest.NewDocument(manifest.Other, "a.yaml", 1, []byte(fmt.Sprintf(workload, i))))
	}
	for b.Loop() {
		if _, err := kubeconform.Validate(context.Background(), schemas, toolchain.Manifests{Documents: documents})[0].Get(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(documents)), "µs/document")
}

const workload = `apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: dev-%d
  namespace: dev
  labels: {app: vcluster, release: dev}
spec:
  serviceName: dev-headless
  replicas: 1
  selector:
    matchLabels: {app: vcluster, release: dev}
  template:
    metadata:
      labels: {app: vcluster, release: dev}
    spec:
      serviceAccountName: vc-dev
      containers:
        - name: vcluster
          image: rancher/k3s:v1.22.2-k3s2
          command: [/bin/k3s]
          args: [server, --write-kubeconfig=/k3s-config/kube-config.yaml, --data-dir=/data]
          volumeMounts:
            - {mountPath: /data, name: data}
          resources:
            limits: {memory: 2Gi}
            requests: {cpu: 200m, memory: 256Mi}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec:
        accessModes: [ReadWriteOnce]
        storageClassName: null
        resources: {requests: {storage: 5Gi}}
`
