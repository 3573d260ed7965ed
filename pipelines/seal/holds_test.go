package seal_test

import (
	"bufio"
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"
	sigsyaml "sigs.k8s.io/yaml"

	"kasou/internal/sealtest"
	"kasou/pipelines/manifest"
	"kasou/pipelines/seal"
)

// kubernetesSees reports whether sigs.k8s.io/yaml, or a decoder of Kubernetes' own,
// finds a Secret in a file, however the file is divided.
func kubernetesSees(data []byte) bool {
	documents := append(bytes.Split(data, []byte("\n---")), data)
	for reader := kubeyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data))); ; {
		document, err := reader.Read()
		if err != nil {
			break
		}
		documents = append(documents, document)
	}
	for _, document := range documents {
		if isSecretTo(document) {
			return true
		}
	}
	return secretsIn(objectsIn(data)) > 0
}

func isSecretTo(document []byte) bool {
	var object map[string]any
	if sigsyaml.Unmarshal(document, &object) == nil && secretsIn([]map[string]any{object}) > 0 {
		return true
	}
	text, err := sigsyaml.YAMLToJSON(document)
	if err != nil {
		return false
	}
	if kind, err := json.DefaultMetaFactory.Interpret(text); err == nil && kind.Kind == "Secret" {
		return true
	}
	decoded, _, err := unstructured.UnstructuredJSONScheme.Decode(text, nil, nil)
	if err != nil {
		return false
	}
	found := decoded.GetObjectKind().GroupVersionKind().Kind == "Secret"
	if list, ok := decoded.(*unstructured.UnstructuredList); ok {
		_ = list.EachListItem(func(o runtime.Object) error {
			found = found || o.GetObjectKind().GroupVersionKind().Kind == "Secret"
			return nil
		})
	}
	return found
}

// unlikely are documents in which a reader of lines sees no Secret, and a parser
// does; or one parser and not the next.
var unlikely = []string{
	"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n# \u2028kind: Secret\n",
	"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nx: y\u2029kind: Secret\u2029\n",
	"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nx: y\u0085kind: Secret\n",
	"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\u2028---\u2028kind: Secret\u2028apiVersion: v1\n",
	"# \u2028---\u2028apiVersion: v1\u2028kind: Secret\u2028metadata: {name: a}\n",
	"kind: Other\napiVersion: v1\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a}, stringData: {a: b}}\n",
	"Kind: Secret\napiVersion: v1\nmetadata: {name: a}\n",
	"kind: List\napiVersion: v1\nitems:\n- {Kind: Secret, apiVersion: v1}\n",
	"kind: List\napiVersion: v1\nItems:\n- {kind: Secret, apiVersion: v1}\n",
	"!!binary a2luZA==: Secret\napiVersion: v1\n", "<<: {kind: Secret}\napiVersion: v1\n", "a: &a Secret\nkind: *a\n",
	"kind: Sec\\\n  ret\n", "kind: \"Sec\\\n  ret\"\n", "? kind\n: Secret\n", "\"k\\u0069nd\": Secret\n", "{\"kind\":\"Se\\u0063ret\"}",
	"kind: ConfigMap\n---x\nkind: Secret\n", "kind: ConfigMap\n--- # a\nkind: Secret\n", "kind: ConfigMap\n...\nkind: Secret\n", "kind: ConfigMap\r\n---\r\nkind: Secret\r\n",
	"{\"kind\": \"ConfigMap\"}\n{\"kind\": \"Secret\"}\n", "kind: ConfigMap\nkind: Secret\n", "a: \"\n---\nkind: Secret\n\"\n", "\ufeffkind: Secret\n", "kind: a\n---\n\ufeffkind: Secret\n",
}

// For any bytes: where Kubernetes sees a Secret, it does not come out unsealed.
func FuzzWhatKubernetesSeesIsSealed(f *testing.F) {
	for _, file := range slices.AppendSeq(slices.Clone(unlikely), maps.Values(disguises)) {
		f.Add([]byte(file))
	}
	sealer := seal.New(options(f, sealtest.NewKeyPair(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, found, err := sealer.Rendered(context.Background(), dev, manifest.ParseAll(manifest.Rendered, manifest.Files{manifestFile: data}), nil, func(string) []byte { return nil })
		if err != nil {
			t.Fatal(err)
		}
		if !found.Failed() && kubernetesSees(out[manifestFile].Bytes) {
			t.Errorf("of\n%q\na Secret comes out:\n%q", data, out[manifestFile].Bytes)
		}
	})
}

// The password of a Secret that only a parser finds is in no file.
func TestASecretBehindALineSeparatorIsSealed(t *testing.T) {
	for _, separator := range []string{"\u2028", "\u2029", "\u0085"} {
		file := "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\nstringData:\n  password: hunter2hunter2\n  note: x" + separator + "kind: Secret\n"
		out, found := rendered(t, options(t, sealtest.NewKeyPair(t)), manifest.Files{manifestFile: []byte(file)}, nil)
		if !found.Failed() && strings.Contains(string(out[manifestFile]), "hunter2") {
			t.Errorf("%q comes out as\n%s", separator, out[manifestFile])
		}
	}
}
