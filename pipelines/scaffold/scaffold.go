// Package scaffold makes the files that a fleet's repository begins with: fleet.yaml,
// the JSON schemas, .gitattributes and the workflows. It is pure: it reads nothing and
// writes nothing.
package scaffold

import (
	"bytes"
	"embed"
	"fmt"
	"path"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/fleet"
	"kasou/pipelines/layout"
)

// Chart is what the clusters of a new fleet are made of, until a person says
// otherwise: the newest release that kasou was tried with.
var Chart = fleet.Chart{Repository: "https://charts.loft.sh", Name: "vcluster", Version: "0.36.1"}

// KubernetesVersion stands in fleet.yaml where nobody said the host's own.
const KubernetesVersion = "1.34"

// Certificate is the file for the sealing certificate, from the clusters folder.
const Certificate = "sealed-secrets.crt"

// Options are what the first files say.
type Options struct {
	// Dir is the clusters folder from the repo's root, slash-separated.
	Dir string
	// URL and Branch are of the repository that Argo CD reads.
	URL, Branch string
	// KubernetesVersion of the host; empty for the constant of that name.
	KubernetesVersion string
	// ServiceCIDR of the host; empty where it is not known.
	ServiceCIDR string
	// Certificate is the sealing certificate in PEM; nil where there is none yet.
	Certificate []byte
	// PublicKey is the public half of the seal key; empty where there is none yet.
	PublicKey string
	// Action is what the workflows use, as uses: takes it, with its comment:
	// OWNER/kasou@COMMIT # VERSION. Empty makes no workflows.
	Action string
	// Plain names the workflows as this repository's own are named, without the kasou-
	// in front that keeps them apart from others.
	Plain bool
}

// File is one file, by its path from the repo's root.
type File struct {
	Path string
	Data []byte
}

//go:embed workflows/*.yaml fleet.yaml gitattributes
var templates embed.FS

// Workflows are the names of the workflows, without their folder and ending.
var Workflows = []string{"build", "check", "drift", "register", "upgrade"}

// Files returns all files, in the order in which a person would read them. The error
// is of a template, which a test would have seen.
func Files(o Options) ([]File, error) {
	files := []File{}
	add := func(from, to string) error {
		data, err := o.render(from)
		files = append(files, File{Path: to, Data: data})
		return err
	}
	if err := add("fleet.yaml", path.Join(o.Dir, layout.Fleet)); err != nil {
		return nil, err
	}
	specs, _ := fleet.SpecSchema()   // never an error
	shared, _ := fleet.FleetSchema() // never an error
	files = append(files,
		File{path.Join(o.Dir, fleet.SpecSchemaFile), specs},
		File{path.Join(o.Dir, fleet.FleetSchemaFile), shared})
	if o.Certificate != nil {
		files = append(files, File{path.Join(o.Dir, Certificate), o.Certificate})
	}
	if err := add("gitattributes", GitAttributes); err != nil {
		return nil, err
	}
	if o.Action == "" {
		return files, nil
	}
	for _, name := range Workflows {
		if err := add("workflows/"+name+".yaml", ".github/workflows/"+o.Name(name)+".yaml"); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// GitAttributes is git's file of attributes, from the repo's root.
const GitAttributes = ".gitattributes"

// Attributes returns the lines that .gitattributes needs, without comments.
func Attributes(dir string) []string {
	data, err := Options{Dir: dir}.render("gitattributes")
	if err != nil {
		panic(err) // the template is embedded, and a test renders it
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

func (o Options) render(name string) ([]byte, error) {
	t, err := template.New(path.Base(name)).Delims("[[", "]]").Option("missingkey=error").
		Funcs(template.FuncMap{"scalar": scalar}).ParseFS(templates, name)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, o); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return b.Bytes(), nil
}

// Name returns a workflow's name.
func (o Options) Name(name string) string {
	if o.Plain {
		return name
	}
	return "kasou-" + name
}

// Branches returns the list of the one branch that is built.
func (o Options) Branches() string { return "[" + scalar(o.Branch) + "]" }

// Clusters returns the input of the action that names the clusters folder, where it
// is another than the default, as a line below the other inputs.
func (o Options) Clusters() string {
	if o.Dir == "clusters" {
		return ""
	}
	return "\n          clusters: " + scalar(o.Dir)
}

// Kubernetes returns the host's version.
func (o Options) Kubernetes() string {
	if o.KubernetesVersion == "" {
		return KubernetesVersion
	}
	return o.KubernetesVersion
}

// DefaultChart returns Chart.
func (o Options) DefaultChart() fleet.Chart { return Chart }

// CertificateFile returns Certificate.
func (o Options) CertificateFile() string { return Certificate }

// scalar quotes text where YAML, or a list in brackets, would read it as something
// else.
func scalar(text string) string {
	data, err := yaml.Marshal(text)
	if err != nil || bytes.Count(data, []byte("\n")) > 1 || strings.ContainsAny(text, ",[]{}") {
		return fmt.Sprintf("%q", text)
	}
	return strings.TrimSuffix(string(data), "\n")
}
