package seal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"go.yaml.in/yaml/v3"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"kasou/internal/sealtest"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
)

// objectsIn returns every object of a file as two other readers see it: kubectl's
// decoder, and a plain YAML decoder.
func objectsIn(data []byte) []map[string]any {
	var all []map[string]any
	kubectl := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var object map[string]any
		err := kubectl.Decode(&object)
		if err != nil {
			break
		}
		all = append(all, object)
	}
	plain := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var object map[string]any
		if err := plain.Decode(&object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			if _, ok := errors.AsType[*yaml.TypeError](err); !ok {
				return all
			}
		}
		all = append(all, object)
	}
}

// secretsIn counts the Secrets of a file, those in Lists too.
func secretsIn(objects []map[string]any) int {
	n := 0
	for _, object := range objects {
		if object["kind"] == "Secret" {
			n++
		}
		kind, _ := object["kind"].(string)
		list, _ := object["items"].([]any)
		for _, item := range list {
			inner, ok := item.(map[string]any)
			if !ok {
				continue
			}
			if kind == "SecretList" {
				n++
			}
			n += secretsIn([]map[string]any{inner})
		}
	}
	return n
}

func noSecretIn(t *testing.T, data []byte) {
	t.Helper()
	if secretsIn(objectsIn(data)) > 0 {
		t.Errorf("a Secret survived:\n%s", data)
	}
}

// sealedIn returns the only SealedSecret of a file.
func sealedIn(t *testing.T, data []byte) []byte {
	t.Helper()
	var found []byte
	var walk func(object map[string]any)
	walk = func(object map[string]any) {
		if object["kind"] == "SealedSecret" {
			found, _ = sigsyaml.Marshal(object)
		}
		list, _ := object["items"].([]any)
		for _, item := range list {
			if inner, ok := item.(map[string]any); ok {
				walk(inner)
			}
		}
	}
	for _, object := range objectsIn(data) {
		walk(object)
	}
	if found == nil {
		t.Fatalf("no SealedSecret in\n%s", data)
	}
	return found
}

// A Secret never survives, however it is written: either the file comes out
// without one, or a finding stops the cluster.
func FuzzNoSecretSurvives(f *testing.F) {
	for _, file := range disguises {
		f.Add([]byte(file))
	}
	for _, file := range []string{
		"---\n---\nkind: Secret\n", "kind: Secret\n---foo: bar\n", "%YAML 1.1\n---\nkind: Secret\n", "kind: !!binary U2VjcmV0\napiVersion: v1\nmetadata: {name: a}\n",
		"a: b\r---\rkind: Secret\r", "--- |\n kind: Secret\n", "kind: ConfigMap\ndata: {a: |\n---\nkind: Secret\n}", "{kind: ConfigMap}{kind: Secret}",
		"\xff\xfek\x00i\x00n\x00d\x00:\x00 \x00S\x00e\x00c\x00r\x00e\x00t\x00", "1: 2\nkind: Secret\n", "- kind: Secret\n",
	} {
		f.Add([]byte(file))
	}
	sealer := seal.New(options(f, sealtest.NewKeyPair(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, found, err := sealer.Rendered(context.Background(), dev, manifest.ParseAll(manifest.Rendered, manifest.Files{manifestFile: data}), nil, func(string) []byte { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if !found.Failed() {
			noSecretIn(t, out[manifestFile].Bytes)
		}
	})
}
