package pipelines_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"kasou/internal/fleettest"
	"kasou/pipelines"
)

// parts of a manifest, from which one is put together.
var (
	extraNames = []string{"a.yaml", "b.yaml", "own.yaml", "network.yaml", "namespace.yaml", "A.yaml", "x.yml", "x.json", ".hidden.yaml", "README.md", "ü.yaml", "a b.yaml", "x.yaml~", "kustomization.yaml", "values.yaml"}
	extraHeads = []string{
		"apiVersion: v1\nkind: ConfigMap\n", "apiVersion: v1\nkind: ConfigMap\n", "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n", "apiVersion: example.com/v1\nkind: Widget\n",
		"apiVersion: v1\nkind: Secret\n", "apiVersion: v1\nkind: ConfigMapList\n", "apiVersion: v1\nkind: Namespace\n", "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\n",
		"apiVersion: argoproj.io/v1alpha1\nkind: Application\n", "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Secret, metadata: {name: a}}]\n", "kind: ConfigMap\n", "apiVersion: 1\nkind: 2\n",
		"\"apiVersion\": v1\n\"kind\": !!str ConfigMap\n", "apiVersion: &v v1\nkind: ConfigMap\nother: *v\n", "<<: {apiVersion: v1, kind: ConfigMap}\n", "{apiVersion: v1, kind: ConfigMap}\n", "apiVersion: apps/v1\nkind: Deployment\n",
	}
	extraMetadata = []string{
		"metadata: {name: %s}\n", "metadata: {name: %s}\n", "metadata:\n  name: %s\n  labels: {a: b}\n", "metadata: &m {name: %s}\n", "metadata: {<<: {name: %s}}\n", "metadata: {<<: {name: x}, name: %s}\n",
		"metadata: &m {name: %s, labels: &l {a: b, c: d}, annotations: {<<: *l, c: own}}\n", "metadata: {name: %s, namespace: kube-system}\n", "metadata: {name: %s, annotations: {argocd.argoproj.io/hook: PreSync}}\n", "metadata: {generateName: %s}\n", "metadata: %s\n", "metadata: {name: %s, 1: a, 1.0: b}\n", "metadata: [%s]\n", "",
	}
	extraRest = []string{
		"data: {a: b}\n", "", "data:\n  a: |\n    text\n  b: >-\n    folded\n    more\n", "data: &d {a: b}\nbinaryData: *d\n", "spec: {}\n", "spec: {podSelector: {}}\n", "data: {<<: [{a: b}, {c: d}], a: e}\n", "data: {a: yes, b: 017, c: 1e3, 1: x}\n",
		"data: {? {a: b} : c}\n", "status: {a: b}\n", "data: {<<: {1: a}, 1.0: b}\n", "data: {a: \"\\u0085\\u2028\\x07\"}\n", "data: {a: *nowhere}\n", "data: {a: &a [*a]}\n", "data:\n\ta: b\n", "data: {a: 1, a: 2}\n", "data: {a: !!binary aGk=}\n", "data: {a: 2001-01-01}\n", "data: {a: .inf, b: .nan}\n", "data: {a: %s}\n",
	}
	extraBetween = []string{"---\n", "---\n", "--- \n", "---\t# a note\n", "...\n---\n", "\n---\n---\n", "--- # {}\n", "---\r\n", "%YAML 1.1\n---\n", "----\n", "--- {}\n", "...\n", " ---\n"}
)

func (p person) one(of []string) string { return of[p.IntN(len(of))] }

func (p person) manifest() string {
	name := "a"
	if p.oneIn(3) {
		name = p.text()
	}
	filled := func(text string) string {
		if strings.Contains(text, "%s") {
			return fmt.Sprintf(text, name)
		}
		return text
	}
	// The first of each list are what most write.
	pick := func(of []string) string { return of[min(p.IntN(len(of)), p.IntN(len(of)))] }
	return filled(pick(extraHeads)) + filled(pick(extraMetadata)) + filled(pick(extraRest))
}

// extras writes a folder extra, of one to three files with one to three objects.
func (p person) extras(t *testing.T, repo fleettest.Repo, folder string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(repo.Root, filepath.FromSlash(folder))); err != nil {
		t.Fatal(err)
	}
	for range 1 + p.IntN(2) {
		text := p.manifest()
		for range p.IntN(3) {
			text += p.one(extraBetween[:min(len(extraBetween), 1+p.IntN(2*len(extraBetween)))]) + p.manifest()
		}
		switch p.IntN(20) {
		case 0:
			text = "\ufeff" + text
		case 1:
			text = strings.ReplaceAll(text, "\n", "\r\n")
		case 2:
			text = strings.TrimSuffix(text, "\n")
		case 3:
			text = text[:p.IntN(len(text)+1)]
		case 4:
			at := p.IntN(len(text))
			text = text[:at] + p.text() + text[at:]
		}
		repo.Write(t, folder+"/"+extraNames[min(p.IntN(len(extraNames)), p.IntN(len(extraNames)))], []byte(text))
	}
}

// Whatever stands in extra, build and check agree on it, each error has its place, and what
// is refused keeps no other cluster from being built.
func TestAnyExtra(t *testing.T) {
	forSeeds(t, 10, func(t *testing.T, p person) {
		with := tools(t)
		repo := smallCharts(t)
		fleet := strings.Replace(string(repo.Read(t, "clusters/fleet.yaml")), "spec:\n", "spec:\n  schemas: [schemas]\n", 1)
		repo.Write(t, "clusters/fleet.yaml", []byte(fleet))
		options := repo.Options(t, with)
		const clusters = 8
		for i := range clusters {
			name := fmt.Sprint("c", i)
			repo.Cluster(t, name, "  chart: {path: charts/c}\n  allow: [{kind: Namespace}]\n")
			p.extras(t, repo, "clusters/"+name+"/extra")
		}
		r := pipe(t, pipelines.Build, options)
		if len(r.Clusters) != clusters {
			t.Errorf("%d of %d clusters are in the report", len(r.Clusters), clusters)
		}
		errorsOf(t, r)
		settle(t, repo, options)
		files := filesOf(t, repo)
		for file, text := range files {
			folder, name, ours := strings.Cut(file, "/manifests/extra/")
			if !ours {
				continue
			}
			for i, made := range objectsOf(t, text) {
				theirs := objectsOf(t, files[folder+"/extra/"+name])[i]
				unstructured.RemoveNestedField(made, "metadata", "namespace")
				unstructured.RemoveNestedField(theirs, "metadata", "namespace")
				if fmt.Sprint(made) != fmt.Sprint(theirs) || made["kind"] == "Secret" {
					t.Errorf("%s has\n%v\nand Argo CD reads\n%v", file, made, theirs)
				}
			}
		}
	})
}

// objectsOf returns the objects in a manifest as Argo CD reads them (SplitYAMLToString in
// gitops-engine's pkg/utils/kube).
func objectsOf(t *testing.T, text string) []map[string]any {
	t.Helper()
	var all []map[string]any
	for d := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096); ; {
		var object map[string]any
		err := d.Decode(&object)
		switch {
		case errors.Is(err, io.EOF):
			return all
		case err != nil:
			t.Fatalf("Argo CD does not read it: %v\n%s", err, text)
		case object != nil:
			all = append(all, object)
		}
	}
}
