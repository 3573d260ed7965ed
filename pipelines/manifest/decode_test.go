package manifest_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
)

// documents are read differently by those who read YAML in another way than
// Kubernetes.
var documents = []string{
	"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: b}\n",
	"a: 1\nb: 0x1f\nc: 0755\nd: 1_000\ne: 1e3\nf: .inf\ng: .nan\nh: 1.5\ni: -0\nj: 9223372036854775808\nk: 18446744073709551616\nl: 12:30:45\n",
	"a: yes\nb: No\nc: on\nd: ~\ne: null\nf: y\n", "a: 2001-01-01\nb: !!timestamp 2001-01-01\nc: !!binary a2Fzb3U=\nd: !!binary /w==\n",
	"! 0: a\n0: b\n", "1: a\ntrue: b\n1.5: c\nnull: d\n", "on: a\n", "? [a]\n: b\n", "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n", "a: 1\na: 2\n", "a: {b: 1, b: 2}\n",
	"- a\n", "text\n", "null\n", "# c\n", "", "a: [\n", "a: |\n  b\n  c\nd: >-\n  e\n  f\n", "a: \"\\x41\\u00e9\\xff\"\n", "a: 1\u2028b: 2\n", "a: \ufeffb\n", "a: 1\u2028---\u2028b: 2\n",
	"Kind: Secret\nkind: ConfigMap\n", "a: !!str 5\nb: !!int \"5\"\n", "{\"a\": 1.0, \"b\": 1e400}\n",
}

// readsTheSame compares with the library that Kubernetes' tools have.
func readsTheSame(t *testing.T, data string) {
	t.Helper()
	d := manifest.NewDocument(manifest.Other, "f.yaml", 1, []byte(data))
	var want any
	text, wantErr := yaml.YAMLToJSONStrict([]byte(data))
	if wantErr == nil {
		wantErr = utiljson.Unmarshal(text, &want)
	}
	if wantErr != nil {
		if d.Err == nil {
			t.Errorf("%q: the library says %v, and there is no error", data, wantErr)
		}
		return
	}
	if errors.Is(d.Err, manifest.ErrManyDocuments) || errors.Is(d.Err, manifest.ErrSameKey) {
		return // the library reads the first document alone, and one of two keys
	}
	object, isMapping := want.(map[string]any)
	if isMapping != (d.Object != nil) || d.Err != nil && (isMapping || want == nil) {
		t.Errorf("%q: %v, %v, want %v", data, d.Object, d.Err, want)
	}
	if diff := cmp.Diff(object, d.Object); diff != "" {
		t.Errorf("%q: another object (-library +Parse):\n%s", data, diff)
	}
}

func TestDocumentsAreReadAsTheLibraryReadsThem(t *testing.T) {
	for _, data := range documents {
		readsTheSame(t, data)
	}
}

// Where a key may stand twice, it is read as Helm reads its values.
func TestReadLast(t *testing.T) {
	merges := []string{"a: &x {b: 1}\nc: {<<: *x, b: 2}\n", "a: &x {b: 1}\nc: {b: 2, <<: *x}\n", "a: &x {b: 1}\nb: &y {b: 2}\nc: {<<: [*x, *y]}\n", "a: &x {b: 1}\nb: &y {b: 2}\nc: {<<: *x, <<: *y}\n"}
	for _, data := range append(merges, documents...) {
		var want any
		text, wantErr := yaml.YAMLToJSON([]byte(data))
		if wantErr == nil {
			wantErr = utiljson.Unmarshal(text, &want)
		}
		got, err := manifest.ReadLast([]byte(data))
		switch {
		case wantErr != nil && err == nil:
			t.Errorf("%q: the library says %v, and there is no error", data, wantErr)
		case wantErr == nil && err == nil && !cmp.Equal(want, got):
			t.Errorf("%q: %v, want %v", data, got, want)
		case wantErr == nil && err != nil && !errors.Is(err, manifest.ErrManyDocuments) && !errors.Is(err, manifest.ErrSameKey):
			t.Errorf("%q: %v", data, err)
		}
	}
	if _, err := manifest.ReadLast([]byte("a: &x {1: b}\nc: {<<: *x, 1.0: d}\n")); !errors.Is(err, manifest.ErrSameKey) {
		t.Errorf("two keys that are one in JSON, one of them merged: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, data := range documents {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data string) { readsTheSame(t, data) })
}

func TestHead(t *testing.T) {
	d := manifest.NewDocument(manifest.Rendered, "f.yaml", 1, []byte(documents[0]))
	if d.Head != (manifest.Head{APIVersion: "v1", Kind: "ConfigMap", Namespace: "b", Name: "a"}) {
		t.Errorf("%+v", d.Head)
	}
}
