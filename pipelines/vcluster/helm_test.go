package vcluster_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/vcluster"
)

// object is a rendered Kubernetes object.
type object map[string]any

// helmCommand returns the path of the helm command of this module's go.mod.
var helmCommand = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "helm.sh/helm/v3/cmd/helm").Output()
	return strings.TrimSpace(string(out)), err
})

// render returns what the real helm command makes of a chart, and fails the test
// where it makes nothing.
func render(t *testing.T, chart, release string, values map[string]any) []object {
	t.Helper()
	out, err := tryRender(t, chart, release, values)
	if err != nil {
		t.Fatalf("helm template %s: %v\n%s", chart, err, out)
	}
	return parse(t, out)
}

func tryRender(t *testing.T, chart, release string, values map[string]any) ([]byte, error) {
	t.Helper()
	helm, err := helmCommand()
	if err != nil {
		t.Fatalf("building helm: %v", err)
	}
	data, err := vcluster.MarshalValues(values)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command(helm, "template", release, chart, "--namespace", "place",
		"--include-crds", "--kube-version", "1.34.1", "-f", file).CombinedOutput()
}

func parse(t *testing.T, stream []byte) []object {
	t.Helper()
	var objects []object
	for _, document := range bytes.Split(stream, []byte("\n---\n")) {
		var o object
		if err := yaml.Unmarshal(bytes.TrimPrefix(document, []byte("---\n")), &o); err != nil {
			t.Fatalf("%v in\n%s", err, document)
		}
		if len(o) > 0 {
			objects = append(objects, o)
		}
	}
	return objects
}

// dig returns the value at keys, or nil.
func dig(value any, keys ...string) any {
	for _, key := range keys {
		switch m := value.(type) {
		case map[string]any:
			value = m[key]
		case object:
			value = m[key]
		default:
			return nil
		}
	}
	return value
}

// one returns the only object of a kind, or the one of that name among several.
func one(t *testing.T, objects []object, kind, name string) object {
	t.Helper()
	for _, o := range objects {
		if o["kind"] == kind && dig(o, "metadata", "name") == name {
			return o
		}
	}
	t.Fatalf("no %s %s among %d objects", kind, name, len(objects))
	return nil
}

// containers returns the containers, without init containers, of all workloads.
func containers(objects []object) map[string]map[string]any {
	found := map[string]map[string]any{}
	for _, o := range objects {
		list, _ := dig(o, "spec", "template", "spec", "containers").([]any)
		for _, c := range list {
			container := c.(map[string]any)
			found[container["name"].(string)] = container
		}
	}
	return found
}

// words returns a container's command and arguments, with a shell's command line
// taken apart.
func words(container map[string]any) []string {
	var all []string
	command, _ := container["command"].([]any)
	args, _ := container["args"].([]any)
	for _, arg := range append(command, args...) {
		all = append(all, strings.Fields(arg.(string))...)
	}
	return all
}
