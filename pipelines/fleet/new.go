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
	// Host is one of the fleet's hosts, and Class one of its classes; empty for those of
	// the fleet's defaults.
	Host, Class string
	// Endpoint is the DNS name, or the address, of the cluster's API server; empty for the
	// endpoint of the fleet's defaults. EndpointKind is the part of spec.endpoint that it
	// stands in; empty for an ingress.
	Endpoint, EndpointKind string
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
	line(2, "class", o.Class)
	line(2, "host", o.Host)
	line(2, "namespace", o.Namespace)
	switch {
	case o.Endpoint == "":
		return b.String()
	case o.EndpointKind == "" || o.EndpointKind == ByIngress:
		b.WriteString("  ingress:\n    enabled: true\n")
		line(4, "host", o.Endpoint)
	default:
		fmt.Fprintf(&b, "  endpoint:\n    %s:\n", o.EndpointKind)
		line(6, "host", o.Endpoint)
	}
	fmt.Fprintf(&b, "  # server is what Argo CD dials; it comes from %s.host.\n", cmp.Or(o.EndpointKind, ByIngress))
	return b.String()
}

// below returns what a new spec of a class is laid over, the one that counts first: the
// class and those that it extends, then the defaults. An empty class is that of the defaults.
func (f *Fleet) below(class string) []ClusterSpec {
	shared := ClusterSpec{}
	if f.Spec.Defaults != nil {
		shared = *f.Spec.Defaults
	}
	var layers []ClusterSpec
	for _, name := range chain(f.Spec.Classes, cmp.Or(class, shared.Class)) {
		layers = append(layers, f.Spec.Classes[name].ClusterSpec)
	}
	return append(layers, shared)
}

// EndpointKind returns the kind of way in that a new spec of a class gets: the first of a
// gateway, a load balancer and a node port that the class, or the fleet's defaults, describe
// and do not turn off; else an ingress. An empty class is that of the defaults.
func (f *Fleet) EndpointKind(class string) string {
	enabled := map[string]*bool{}
	for _, layer := range f.below(class) {
		for _, p := range layer.Endpoint.parts() {
			enabled[p.kind] = cmp.Or(enabled[p.kind], p.enabled)
		}
	}
	for _, kind := range []string{ByGateway, ByLoadBalancer, ByNodePort} {
		if on, described := enabled[kind]; described && (on == nil || *on) {
			return kind
		}
	}
	return ByIngress
}

// CheckNew returns a *NewSpecError where the class or the host that is asked for is not one
// of the fleet's, and where the fleet has hosts and nothing says which; else nil.
func (f *Fleet) CheckNew(options NewOptions) error {
	if _, known := f.Spec.Classes[options.Class]; options.Class != "" && !known {
		return refused(options, "class", noClass(f.Spec, options.Class))
	}
	host := options.Host
	for _, layer := range f.below(options.Class) {
		host = cmp.Or(host, layer.Host)
	}
	if _, known := f.Spec.Hosts[host]; !known && (host != "" || !f.Spec.HasSingleHost()) {
		return refused(options, "host", noHost(f.Spec, host))
	}
	return nil
}

// refused returns the error of one field, which kasou new has a flag for.
func refused(options NewOptions, field string, p *problem) error {
	return &NewSpecError{Name: options.Name, problems: []error{fmt.Errorf("spec.%s %s (--%s): %s", field, p.message, field, p.hint)}}
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
			problems = append(problems, errors.New(found.Message+": "+found.Hint))
		}
	}
	if len(problems) > 0 {
		return &NewSpecError{Name: name, problems: problems}
	}
	return nil
}

// NewSpecError says why what was asked for makes no spec.
type NewSpecError struct {
	// Name of the cluster; empty where it is of several.
	Name     string
	problems []error
}

func (e *NewSpecError) Error() string {
	what := "no cluster"
	if e.Name != "" {
		what = fmt.Sprintf("no cluster %q", e.Name)
	}
	return what + " can be made: " + errors.Join(e.problems...).Error()
}

func (e *NewSpecError) Unwrap() []error { return e.problems }
