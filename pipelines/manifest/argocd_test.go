package manifest_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kubeyaml "k8s.io/apimachinery/pkg/util/yaml"

	"kasou/pipelines/manifest"
)

// argoObjects returns what Argo CD reads from a .yaml file (splitYAMLOrJSON in
// reposerver/repository/repository.go of Argo CD 3.5).
func argoObjects(data []byte) ([]map[string]any, error) {
	d := kubeyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	var all []map[string]any
	for {
		u := &unstructured.Unstructured{}
		if err := d.Decode(&u); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return all, err
		}
		if u != nil {
			all = append(all, u.Object)
		}
	}
}

// What kasou reads without a complaint, Argo CD reads as the same objects.
func FuzzAsArgoCD(f *testing.F) {
	const object = "apiVersion: v1\nkind: A\n"
	for _, seed := range []string{
		object, object + "---\n" + object, "---\n# c\n" + object + "...\n---\n" + object, "---\r\n" + object + "\r\n---\r\n" + object,
		object + "a: |\n  ---\n  x\n", object + "--- # x\n" + object, "{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n---\n" + object,
		"{\"apiVersion\": \"v1\", \"kind\": \"A\"}\n{}", object + "---\n\n---\nnull\n", "# only\n", "\xef\xbb\xbf" + object, object + "--- \t\n" + object,
		object + "a: 1_000\nb: 0o7\nc: 07\nd: 1e3\ne: y\nf: 2001-01-01\ng: !!binary aGk=\nh: .inf\n", object + "<<: {a: 1}\n", object + "---\xc2\xa0\n" + object,
		object + "a: 12345678901234567890\nb: -0.0\nc: 1.0\n", object + "---\x0b\n" + object, object + "---\x0c\n" + object, object + "---\xc2\x85\n" + object, object + "\r---\r" + object,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append(data, '\n') // as Helm and kasou end each file
		var mine []map[string]any
		for _, d := range manifest.Parse(manifest.Rendered, "f.yaml", data).Documents {
			if d.Divided != nil || d.Err != nil {
				return
			}
			if d.Object == nil {
				continue
			}
			if d.Head.Kind == "" || d.Object["apiVersion"] == nil {
				return
			}
			mine = append(mine, d.Object)
		}
		theirs, err := argoObjects(data)
		if err != nil {
			t.Skip() // a sync that fails is not silent
		}
		if diff := cmp.Diff(asJSON(t, mine), asJSON(t, theirs)); diff != "" {
			t.Errorf("%q: Argo CD reads other objects:\n%s", data, diff)
		}
	})
}

func asJSON(t *testing.T, objects []map[string]any) []string {
	t.Helper()
	all := []string{}
	for _, o := range objects {
		text, err := json.Marshal(o)
		if err != nil {
			t.Skip()
		}
		all = append(all, string(text))
	}
	return all
}
