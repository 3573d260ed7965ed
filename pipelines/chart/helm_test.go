package chart

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"helm.sh/helm/v3/pkg/chart/loader"

	"kasou/internal/upstream"
)

// helm runs the helm command that go.mod pins.
func helm(t *testing.T, args ...string) []byte {
	t.Helper()
	command := exec.Command("go", append([]string{"tool", "helm.sh/helm/v3/cmd/helm"}, args...)...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("helm %v: %v\n%s", args, err, stderr.String())
	}
	return out
}

func archiveNames(t *testing.T, archive []byte) []string {
	t.Helper()
	files, err := loader.LoadArchiveFiles(bytes.NewReader(archive))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		names = append(names, file.Name)
	}
	return names
}

func TestFolderRendersAsHelmRendersIt(t *testing.T) {
	const render = `{{ range $path, $_ := .Files.Glob "**" }}# {{ $path }}
{{ end }}apiVersion: v1
kind: ConfigMap
metadata: {name: {{ include "sub.name" . }}}
data:
  file: {{ .Files.Get "linked.txt" | quote }}
  values: {{ .Values | toYaml | quote }}
`
	crd := "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: %}\n"
	root, folder := folderChart(t, map[string]string{
		"values.yaml":                      "\xEF\xBB\xBFa: 1\nsub: {b: 2}\n",
		"data.txt":                         "text",
		".helmignore":                      "*.bak\n",
		"x.bak":                            "",
		"crds/b.yaml":                      crd,
		"crds/a/c.yaml":                    crd,
		"templates/a.yaml":                 render,
		"templates/a/b.yaml":               render,
		"charts/sub/Chart.yaml":            "apiVersion: v2\nname: sub\nversion: 0.1.0\n",
		"charts/sub/values.yaml":           "b: 1\n",
		"charts/sub/templates/c.yaml":      "kind: Sub\nb: {{ .Values.b }}\n",
		"charts/sub/templates/_helper.tpl": `{{ define "sub.name" }}name{{ end }}`,
	})
	if err := os.Symlink("data.txt", filepath.Join(folder, "linked.txt")); err != nil {
		t.Fatal(err)
	}
	ch, _ := fetch(t, NewStore(root), pathRef("charts/demo"), nil)
	packed := filepath.Join(t.TempDir(), "demo.tgz")
	writeFile(t, packed, string(ch.Archive))
	want := helm(t, "template", "x", folder, "--include-crds")
	if got := helm(t, "template", "x", packed, "--include-crds"); !bytes.Equal(got, want) || len(want) == 0 {
		t.Errorf("the packed folder renders\n%s\nthe folder\n%s", got, want)
	}
}

func TestDefaultsAreHelmShowValues(t *testing.T) {
	for _, name := range []string{"vcluster-0.4.3", "vcluster-0.36.1"} {
		t.Run(name, func(t *testing.T) {
			file := upstream.Chart(t, name)
			ch, _ := fetch(t, NewStore(filepath.Dir(file)), pathRef(filepath.Base(file)), nil)
			got, err := Defaults(ch)
			if err != nil {
				t.Fatal(err)
			}
			if want := helm(t, "show", "values", file); !bytes.Equal(got, want) {
				t.Errorf("got %d bytes, helm shows %d", len(got), len(want))
			}
		})
	}
}
