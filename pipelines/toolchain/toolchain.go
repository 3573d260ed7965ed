// Package toolchain says what kasou asks of helm, kubeseal and kubeconform,
// whoever runs them: embedded in this process, or dagger in containers. Each tool is
// asked for a batch at once: what one call does wrong fails that call alone.
package toolchain

import (
	"context"
	"fmt"

	"kasou/pipelines/manifest"
)

// Chart is a Helm chart at hand, its digest checked.
type Chart struct {
	// Name and Version stand in its Chart.yaml.
	Name, Version string
	// Digest is "sha256:" and hex. For an archive: of the .tgz; for a folder:
	// of its files packed as a tar, so that it depends on nothing else.
	Digest string
	// Archive is the chart as a .tgz. Not to be modified.
	Archive []byte
	// Source is where the chart came from, for messages: a URL or a path.
	Source string
}

// Release is what one `helm template` is called with.
type Release struct {
	Name, Namespace string
	Chart           Chart
	// KubeVersion is .Capabilities.KubeVersion, such as 1.34.1.
	KubeVersion string
	// Values is a values.yaml.
	Values []byte
	// Helm is the major version of Helm that renders.
	Helm HelmMajor
	// WillValidate says that every document is validated afterwards, and the
	// release rendered again without it where one is not valid. A toolchain may
	// then leave it to that to say what is not YAML, and need not parse what plainly
	// is not a hook.
	WillValidate bool
	// Determinism makes Template see whether the chart renders the same every time.
	Determinism bool
}

// HelmMajor is a major version of Helm; the zero value is Helm 3.
type HelmMajor int

// Helm4 is Helm 4. Helm 3 gets security fixes until 10 February 2027.
const Helm4 HelmMajor = 4

// Module returns the path of the Go module.
func (m HelmMajor) Module() string {
	if m == Helm4 {
		return "helm.sh/helm/v4"
	}
	return "helm.sh/helm/v3"
}

// Helm renders charts.
type Helm interface {
	// Template returns, for each release, the files that `helm template NAME CHART --namespace NS
	// --include-crds --skip-tests --kube-version V -f values.yaml --output-dir
	// DIR` writes below DIR, byte for byte. What the chart or its values do
	// wrong is a *ChartError; any other error is the tool's. With r.Determinism, a
	// chart that renders but not the same every time is a *DeterminismError, and the
	// files are one of its results. The results have the releases' order.
	Template(ctx context.Context, releases ...Release) []Result[manifest.Files]
}

// ChartError is a chart that does not render with the values given.
type ChartError struct {
	// Template and Line say where, such as vcluster/templates/role.yaml and 12,
	// if known.
	Template string
	Line     int
	Message  string
	// Values are what values.schema.json says against the values, if that is
	// the reason: each path leads into the chart's values.
	Values []Problem
}

func (e *ChartError) Error() string { return e.Message }

// DeterminismError is a chart that does not render the same every time with the
// values given.
type DeterminismError struct {
	// Causes are sorted by their place. There is at least one.
	Causes []Cause
}

func (e *DeterminismError) Error() string {
	return "the chart renders differently every time: " + e.Causes[0].String()
}

// Cause is one reason why two renders differ.
type Cause struct {
	// Template and Line say where, such as vcluster/templates/secret.yaml and 9. The
	// line is 0 where only the file is known.
	Template string
	Line     int
	// Does says what the template does there, such as "calls `now`".
	Does string
}

func (c Cause) String() string {
	if c.Line == 0 {
		return c.Template + " " + c.Does
	}
	return fmt.Sprintf("%s:%d %s", c.Template, c.Line, c.Does)
}

// Validation is what kubeconform says of one document.
type Validation struct {
	Status Status
	// Problems of an Invalid or Broken document.
	Problems []Problem
	// APIVersion and Kind of the object, as far as they could be read.
	APIVersion, Kind string
}

// Status is the outcome for one document.
type Status int

// Valid is the only good one. NoSchema is an object of an unknown kind; Broken
// one that is not a Kubernetes object; Empty one without content.
const (
	Valid Status = iota
	Invalid
	NoSchema
	Broken
	Empty
)

// Problem is one way in which a document breaks its schema.
type Problem struct {
	// Path holds the map keys and list indexes to the value at fault; empty for
	// the document itself.
	Path    []string
	Message string
}

// Manifests are the documents of one cluster. Its name is for people, such as in a
// trace: no result depends on it.
type Manifests struct {
	Cluster   string
	Documents []manifest.Document
}

// Kubeconform validates documents against a set of schemas, strictly.
type Kubeconform interface {
	// Validate returns, for each cluster's documents, a result for each of them, all in
	// their order.
	Validate(ctx context.Context, schemas Schemas, of ...Manifests) []Result[[]Validation]
}

// Schemas are the JSON schemas to validate with.
type Schemas struct {
	// Locations are kubeconform schema locations: path templates of local
	// files.
	Locations []string
	// KubernetesVersion selects among them, such as 1.34.1.
	KubernetesVersion string
}

// SealRequest is what one `kubeseal` is called with.
type SealRequest struct {
	// Cluster is for people, such as in a trace: the result does not depend on it.
	Cluster string
	// Secret is a v1 Secret in YAML or JSON, with name and namespace.
	Secret []byte
	// Certificate is the sealing certificate in PEM.
	Certificate []byte
	// Scope is strict, namespace-wide or cluster-wide.
	Scope string
}

// Kubeseal encrypts Secrets.
type Kubeseal interface {
	// Seal returns, for each request, the SealedSecret as JSON, in the requests' order.
	// Every call returns other ciphertext.
	Seal(ctx context.Context, requests ...SealRequest) []Result[[]byte]
}

// Toolchain is the three tools, from one source.
type Toolchain interface {
	Helm
	Kubeconform
	Kubeseal
	// Name is embedded or dagger.
	Name() string
	// Versions returns each tool's module version: helm, of that major version,
	// kubeseal, kubeconform.
	Versions(helm HelmMajor) map[string]string
	// Close ends what the toolchain started.
	Close() error
}
