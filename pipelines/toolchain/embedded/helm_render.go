package embedded

import (
	"bytes"
	"fmt"
	"log"
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
)

// renderRelease does what `helm template --include-crds --skip-tests
// --output-dir` does, in Helm's own order, so that the first thing wrong is the
// same: helm's cmd/helm/install.go runInstall, then pkg/action install.go and
// action.go renderResources, then cmd/helm/template.go for the hooks. It reads
// and writes nothing but its arguments.
func renderRelease(c *loadedChart, r toolchain.Release, e environment) (manifest.Files, error) {
	p, err := prepareRelease(c, r, e)
	if err != nil {
		return nil, err
	}
	hold(p, e)
	rendered, err := c.renderTemplates(p.chart, p.top, p.capabilities)
	if err != nil {
		return nil, chartError(err)
	}
	for _, text := range rendered {
		watch(text)
	}
	if c.listsVersions || mayListVersions(r.Values) {
		rendering.Varying = true
	}
	files, err := layOut(p.chart, rendered, r.WillValidate)
	if err != nil {
		return nil, chartError(err)
	}
	return files, nil
}

// prepared is what the templates of a release are executed with.
type prepared struct {
	chart        *chart.Chart
	top          chartutil.Values
	capabilities *chartutil.Capabilities
}

// held are what the last render under the real clock was made with, and the first
// in an environment after it: as long as they are there, others have other
// addresses.
var held []any

func hold(p any, e environment) {
	if e.Number == 0 {
		held = nil
	}
	if len(held) < 2 {
		held = append(held, p)
	}
}

// prepareRelease does what comes before the templates; the values' schemas are
// the last of it.
func prepareRelease(c *loadedChart, r toolchain.Release, e environment) (*prepared, error) {
	kubeVersion, err := chartutil.ParseKubeVersion(r.KubeVersion)
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes version %q: %w", r.KubeVersion, err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(r.Values, &values); err != nil {
		return nil, &toolchain.ChartError{Message: "the values are no YAML map: " + err.Error()}
	}
	ch, err := c.fresh(e)
	if err != nil {
		return nil, chartError(err)
	}
	if err := installable(ch); err != nil {
		return nil, chartError(err)
	}
	if err := chartutil.ValidateReleaseName(r.Name); err != nil {
		return nil, fmt.Errorf("release name %q: %w", r.Name, err)
	}
	if err := chartutil.ProcessDependenciesWithMerge(ch, values); err != nil {
		return nil, chartError(err)
	}
	caps := capabilities(*kubeVersion, e)
	top, err := c.renderValues(ch, values, r, caps)
	if err != nil {
		return nil, err
	}
	return &prepared{ch, top, caps}, nil
}

// capabilities are those that the helm command has without a cluster. Its API
// versions are whatever types are linked in; here those of other tools, such as
// SealedSecret, are too, and Helm would report them. Their order is that of a Go map
// in Helm's process, and in an environment the environment's.
func capabilities(v chartutil.KubeVersion, e environment) *chartutil.Capabilities {
	caps := chartutil.DefaultCapabilities.Copy()
	caps.KubeVersion = v
	caps.APIVersions = withoutForeign(caps.APIVersions, e)
	return caps
}

// withoutForeign returns the API versions that are of Kubernetes itself, in the order
// that an environment has them in.
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

// installable says what Helm refuses before it looks at values.
func installable(ch *chart.Chart) error {
	if kind := ch.Metadata.Type; kind != "" && kind != "application" {
		return fmt.Errorf("%s charts are not installable", kind)
	}
	if missing := missingDependencies(ch); len(missing) > 0 {
		return lacksDependencies(missing)
	}
	return nil
}

func lacksDependencies(missing []string) error {
	return fmt.Errorf("the chart's archive lacks dependencies: found in Chart.yaml, but missing in charts/ directory: %s", strings.Join(missing, ", "))
}

// missingDependencies returns the names of the charts that Chart.yaml wants and
// the archive does not have: the rule, and above it the words, of Helm's
// action.CheckDependencies. That package links all of Helm's client, kubectl and
// three databases among it, which every start of a worker pays for.
func missingDependencies(ch *chart.Chart) []string {
	var missing []string
	for _, wanted := range ch.Metadata.Dependencies {
		if !slices.ContainsFunc(ch.Dependencies(), func(sub *chart.Chart) bool { return sub.Name() == wanted.Name }) {
			missing = append(missing, wanted.Name)
		}
	}
	return missing
}

// renderValues returns what the templates see, after the schemas agreed.
func (c *loadedChart) renderValues(ch *chart.Chart, values map[string]any, r toolchain.Release, caps *chartutil.Capabilities) (chartutil.Values, error) {
	options := chartutil.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	top, err := chartutil.ToRenderValuesWithSchemaValidation(ch, values, options, caps, true)
	if err != nil {
		return nil, chartError(err)
	}
	coalesced, ok := top["Values"].(chartutil.Values)
	if !ok {
		return nil, fmt.Errorf("helm gives the values as %T", top["Values"])
	}
	if err := c.schemas.validate(schemaChart3(ch), coalesced); err != nil {
		return nil, err
	}
	return top, nil
}

// renderTemplates returns the text of each template but the notes.
func (c *loadedChart) renderTemplates(ch *chart.Chart, top chartutil.Values, caps *chartutil.Capabilities) (map[string]string, error) {
	if want := ch.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, caps.KubeVersion.String()) {
		return nil, fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", want, caps.KubeVersion.String())
	}
	rendered, err := c.execute(ch, top, caps)
	if err != nil {
		return nil, err
	}
	for name := range rendered {
		if strings.HasSuffix(name, "NOTES.txt") {
			delete(rendered, name)
		}
	}
	return rendered, nil
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

// silenceHelm keeps Helm's log lines, such as warnings about values that do not
// merge, off the worker's stderr, which is kept for what kills it.
func silenceHelm(w interface{ Write([]byte) (int, error) }) { log.SetOutput(w) }
