package fleet

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"kasou/pipelines/finding"
	"kasou/pipelines/layout"
)

// NewOptions are what a new spec.yaml says. Only Name is required.
type NewOptions struct {
	Name string
	// Host enables an ingress under this DNS name.
	Host string
	// Namespace on the host cluster; empty for the cluster's name.
	Namespace string
	// Chart by path or by repository, name and version; the zero value leaves
	// the choice to the fleet's defaults.
	Chart Chart
	// Schema is the file in the clusters folder that editors check the spec by; empty
	// for the one that knows no chart's values.
	Schema string
}

// NewSpec returns the text of a spec.yaml that has what the options say and
// leaves out what has a good default. It fails, with every reason, where the
// result would not pass the checks of one spec. What the fleet's defaults may
// supply, such as the repository of a chart version, and the other clusters are
// looked at when the fleet is loaded.
func NewSpec(options NewOptions) ([]byte, error) {
	var b strings.Builder
	b.WriteString("# yaml-language-server: $schema=../" + cmp.Or(options.Schema, SpecSchemaFile) + "\n")
	fmt.Fprintf(&b, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %s\n", APIVersion, KindCluster, scalar(options.Name))
	body := options.body()
	if body == "" {
		b.WriteString("spec: {}\n")
	} else {
		b.WriteString("spec:\n" + body)
	}
	b.WriteString("  # Everything else has a default: see ../" + SpecSchemaFile + " and ../" + layout.Fleet + ".\n")
	data := []byte(b.String())
	return data, checkNew(options.Name, data)
}

func (o NewOptions) body() string {
	var b strings.Builder
	line := func(indent int, key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%*s%s: %s\n", indent, "", key, scalar(value))
		}
	}
	if o.Chart != (Chart{}) {
		b.WriteString("  chart:\n")
		line(4, "repository", o.Chart.Repository)
		line(4, "name", o.Chart.Name)
		line(4, "version", o.Chart.Version)
		line(4, "path", o.Chart.Path)
	}
	line(2, "namespace", o.Namespace)
	if o.Host != "" {
		b.WriteString("  ingress:\n    enabled: true\n")
		line(4, "host", o.Host)
		b.WriteString("  # server is what Argo CD dials; it comes from ingress.host.\n")
	}
	return b.String()
}

// scalar quotes text where YAML 1.1 would read it as something else.
func scalar(text string) string {
	data, err := yaml.Marshal(text)
	if err != nil || strings.Count(string(data), "\n") > 1 {
		return fmt.Sprintf("%q", text)
	}
	return strings.TrimSuffix(string(data), "\n")
}

// checkNew checks one spec.yaml by itself, without a fleet.
func checkNew(name string, data []byte) error {
	src := parse(layout.Spec, name, data, schemaOfSpec())
	f := &Fleet{Dir: "clusters", File: layout.Fleet}
	var problems []error
	for _, found := range f.assemble(nil, []*source{src}) {
		if found.Severity == finding.Error {
			problems = append(problems, errors.New(found.Message))
		}
	}
	if len(problems) > 0 {
		return &NewSpecError{Name: name, problems: problems}
	}
	return nil
}

// NewSpecError says why what was asked for makes no spec.
type NewSpecError struct {
	Name     string
	problems []error
}

func (e *NewSpecError) Error() string {
	return fmt.Sprintf("no cluster %q can be made: %v", e.Name, errors.Join(e.problems...))
}

func (e *NewSpecError) Unwrap() []error { return e.problems }
