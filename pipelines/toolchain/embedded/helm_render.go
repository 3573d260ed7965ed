package embedded

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/release"
	"helm.sh/helm/v3/pkg/releaseutil"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/toolchain/verdict"
)

// prepared is a release with everything that comes before its templates done, by Helm 3
// or 4. It holds the chart, what the templates see and the capabilities.
type prepared struct {
	// execute returns the text of each template.
	execute func() (map[string]string, error)
	// layOut returns the files that come of these texts.
	layOut func(rendered map[string]string) (manifest.Files, error)
}

// prepare has Helm 3 or 4 do what comes before the templates; the values' schemas are
// the last of it.
func prepare(c *loadedChart, r toolchain.Release, e environment) (*prepared, error) {
	if r.Helm == toolchain.Helm4 {
		return prepare4(c, r, e)
	}
	return prepare3(c, r, e)
}

// render does what `helm template --include-crds --skip-tests --output-dir` does, in
// Helm's own order, so that the first thing wrong is the same: of Helm 3 cmd/helm/install.go
// runInstall, then pkg/action install.go and action.go renderResources, then
// cmd/helm/template.go for the hooks; of Helm 4 (v4.3) the same with pkg/cmd for cmd/helm.
// It reads and writes nothing but its arguments.
func (p *prepared) render(c *loadedChart, r toolchain.Release, e environment) (manifest.Files, error) {
	hold(p, e)
	rendered, err := p.execute()
	if err != nil {
		return nil, chartError(err)
	}
	for name, text := range rendered {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(rendered, name)
			continue
		}
		watch(text)
	}
	if c.listsVersions || mayListVersions(r.Values) {
		rendering.Varying = true
	}
	files, err := p.layOut(rendered)
	if err != nil {
		return nil, chartError(err)
	}
	return files, nil
}

// held are what the last render under the real clock was made with, and the first
// in an environment after it: as long as they are there, others have other
// addresses.
var held []*prepared

func hold(p *prepared, e environment) {
	if e.Number == 0 {
		held = nil
	}
	if len(held) < 2 {
		held = append(held, p)
	}
}

// prepare3 is prepare as Helm 3 does it.
func prepare3(c *loadedChart, r toolchain.Release, e environment) (*prepared, error) {
	kubeVersion, err := chartutil.ParseKubeVersion(r.KubeVersion)
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes version %q: %w", r.KubeVersion, err)
	}
	values, err := valuesOf(r)
	if err != nil {
		return nil, err
	}
	ch, err := c.fresh(e)
	if err != nil {
		return nil, chartError(err)
	}
	var wanted []string
	for _, d := range ch.Metadata.Dependencies {
		wanted = append(wanted, d.Name)
	}
	if err := installable(ch, ch.Metadata.Type, wanted); err != nil {
		return nil, chartError(err)
	}
	if err := chartutil.ValidateReleaseName(r.Name); err != nil {
		return nil, fmt.Errorf("release name %q: %w", r.Name, err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(ch, values); err != nil {
		return nil, chartError(err)
	}
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion, caps.APIVersions = *kubeVersion, withoutForeign(caps.APIVersions, e)
	options := chartutil.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(ch, values, options, caps, true)
	if err != nil {
		return nil, chartError(err)
	}
	if err := validateTop(c.schemas, schemaChartOf(ch, func(ch *chart.Chart) []byte { return ch.Schema }), top); err != nil {
		return nil, err
	}
	return &prepared{
		execute: func() (map[string]string, error) {
			if want := ch.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, caps.KubeVersion.String()) {
				return nil, unfit(want, caps.KubeVersion.Version)
			}
			return c.execute(ch, top, caps)
		},
		layOut: func(rendered map[string]string) (manifest.Files, error) { return layOut(ch, rendered, r.WillValidate) },
	}, nil
}

// valuesOf returns the release's values.
func valuesOf(r toolchain.Release) (map[string]any, error) {
	values := map[string]any{}
	if err := yaml.Unmarshal(r.Values, &values); err != nil {
		return nil, &toolchain.ChartError{Message: "the values are no YAML map: " + err.Error()}
	}
	return values, nil
}

// withoutForeign returns the API versions that are of Kubernetes itself. Those that the
// helm command has without a cluster are whatever types are linked in; here those of
// other tools, such as SealedSecret, are too, and Helm would report them. Their order is
// that of a Go map in Helm's process, and in an environment the environment's.
func withoutForeign(all []string, e environment) []string {
	own := slices.DeleteFunc(slices.Clone(all), func(apiVersion string) bool {
		group, _, grouped := strings.Cut(apiVersion, "/")
		return grouped && strings.Contains(group, ".") && !strings.HasSuffix(group, ".k8s.io")
	})
	if number := e.at(0); number != 0 {
		newSource(number, 0).arrange(own)
	}
	return own
}

// helmChart is what charts of Helm 3 and 4 have alike.
type helmChart[C any] interface {
	Name() string
	ChartFullPath() string
	Dependencies() []C
}

// installable says what Helm refuses before it looks at values: charts of a kind, and
// those that Chart.yaml wants and the archive does not have, by the rule and in the words
// of Helm's action.CheckDependencies. That package links all of Helm's client, kubectl and
// three databases among it, which every start of a worker pays for.
func installable[C helmChart[C]](ch C, kind string, wanted []string) error {
	if kind != "" && kind != "application" {
		return fmt.Errorf("%s charts are not installable", kind)
	}
	missing := slices.DeleteFunc(slices.Clone(wanted), func(name string) bool {
		return slices.ContainsFunc(ch.Dependencies(), func(sub C) bool { return sub.Name() == name })
	})
	if len(missing) > 0 {
		return fmt.Errorf("the chart's archive lacks dependencies: found in Chart.yaml, but missing in charts/ directory: %s", strings.Join(missing, ", "))
	}
	return nil
}

// validateTop holds the values that the templates are to see against the schemas.
func validateTop[V ~map[string]any](s schemas, ch schemaChart, top V) error {
	values, ok := top["Values"].(V)
	if !ok {
		return fmt.Errorf("helm gives the values as %T", top["Values"])
	}
	return s.validate(ch, values)
}

// unfit is the error of a chart that wants another version of Kubernetes.
func unfit(want, version string) error {
	return fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", want, version)
}

// layOut puts the documents into files as --output-dir does: CRDs, then
// manifests, then hooks, each appended to what its file holds already. A first
// manifest replaces a CRD of the same path only where Helm's own bookkeeping
// does. With willValidate it parses only what may be more than one manifest, or a hook.
func layOut(ch *chart.Chart, rendered map[string]string, willValidate bool) (manifest.Files, error) {
	out := output{}
	for _, crd := range ch.CRDObjects() {
		out.add(crd.Filename, string(crd.File.Data))
	}
	if willValidate {
		out.addPlain(rendered)
	}
	hooks, manifests, err := releaseutil.SortManifests(rendered, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, err
	}
	for _, m := range manifests {
		out.add(m.Name, m.Content)
	}
	for _, h := range hooks {
		if !slices.Contains(h.Events, release.HookTest) {
			out.add(h.Path, h.Manifest)
		}
	}
	return out.files(), nil
}

// output collects documents by file.
type output map[string]*bytes.Buffer

func (o output) add(name, document string) {
	key := path.Clean(filepath.ToSlash(name))
	b := o[key]
	if b == nil {
		b = &bytes.Buffer{}
		o[key] = b
	}
	fmt.Fprintf(b, "---\n# Source: %s\n%s\n", name, document)
}

// addPlain moves the files that hold one manifest, and no hook, out of rendered.
func (o output) addPlain(rendered map[string]string) {
	for name, text := range rendered {
		if manifest, ok := onlyManifest(text); ok {
			o.add(name, manifest)
			delete(rendered, name)
		}
	}
}

// onlyManifest returns a file's manifest as Helm cuts it out (SplitManifests in
// helm's pkg/releaseutil), where it is the only one and no hook: the annotation does
// not stand in it, nor anything by which YAML could hide that. What is not YAML,
// whoever validates it will tell.
func onlyManifest(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "\n---") || strings.Contains(text, "helm.sh/hook") || strings.ContainsAny(text, "\\!\x00") {
		return "", false
	}
	return strings.TrimSpace(strings.TrimPrefix(text, "---")), strings.Contains(text, "\nkind:")
}

func (o output) files() manifest.Files {
	files := make(manifest.Files, len(o))
	for name, b := range o {
		files[name] = b.Bytes()
	}
	return files
}

// chartError returns the error as the chart's fault.
func chartError(err error) error {
	if already, ok := errors.AsType[*toolchain.ChartError](err); ok {
		return already
	}
	return verdict.Chart(err.Error())
}
