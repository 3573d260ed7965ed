package embedded

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"sigs.k8s.io/yaml"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// prepared4 is what the templates of a release are executed with by Helm 4.
type prepared4 struct {
	chart        *chart.Chart
	top          common.Values
	capabilities *common.Capabilities
}

// renderRelease4 is renderRelease as Helm 4 does it: pkg/cmd install.go runInstall,
// then pkg/action install.go and action.go renderResources, then pkg/cmd template.go
// for the hooks, all of v4.3.
func renderRelease4(c *loadedChart, r toolchain.Release, e environment) (manifest.Files, error) {
	p, err := prepareRelease4(c, r, e)
	if err != nil {
		return nil, err
	}
	hold(p, e)
	if want := p.chart.Metadata.KubeVersion; want != "" && !chartutil.IsCompatibleRange(want, p.capabilities.KubeVersion.String()) {
		return nil, chartError(fmt.Errorf("chart requires kubeVersion: %s which is incompatible with Kubernetes %s", want, p.capabilities.KubeVersion.Version))
	}
	rendered, err := engine.Engine{}.Render(p.chart, p.top) //nolint:staticcheck // nothing here can be cancelled
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
	files, err := layOut4(p.chart, rendered)
	if err != nil {
		return nil, chartError(err)
	}
	return files, nil
}

// prepareRelease4 does what comes before the templates; the values' schemas are
// the last of it.
func prepareRelease4(c *loadedChart, r toolchain.Release, e environment) (*prepared4, error) {
	kubeVersion, err := common.ParseKubeVersion(r.KubeVersion)
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes version %q: %w", r.KubeVersion, err)
	}
	values := map[string]any{}
	if err := yaml.Unmarshal(r.Values, &values); err != nil {
		return nil, &toolchain.ChartError{Message: "the values are no YAML map: " + err.Error()}
	}
	ch, err := c.load4()
	if err != nil {
		return nil, chartError(err)
	}
	if kind := ch.Metadata.Type; kind != "" && kind != "application" {
		return nil, chartError(fmt.Errorf("%s charts are not installable", kind))
	}
	var missing []string
	for _, wanted := range ch.Metadata.Dependencies {
		if !slices.ContainsFunc(ch.Dependencies(), func(sub *chart.Chart) bool { return sub.Name() == wanted.Name }) {
			missing = append(missing, wanted.Name)
		}
	}
	if len(missing) > 0 {
		return nil, chartError(lacksDependencies(missing))
	}
	if err := chartutil.ValidateReleaseName(r.Name); err != nil {
		return nil, fmt.Errorf("release name %q: %w", r.Name, err)
	}
	if err := chartutil.ProcessDependencies(ch, values); err != nil {
		return nil, chartError(err)
	}
	caps := common.DefaultCapabilities.Copy()
	caps.KubeVersion = *kubeVersion
	caps.APIVersions = withoutForeign(caps.APIVersions, e)
	options := common.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	top, err := util.ToRenderValuesWithSchemaValidation(ch, values, options, caps, true)
	if err != nil {
		return nil, chartError(err)
	}
	coalesced, ok := top["Values"].(common.Values)
	if !ok {
		return nil, fmt.Errorf("helm gives the values as %T", top["Values"])
	}
	if err := c.schemas.validate(schemaChart4(ch), coalesced); err != nil {
		return nil, err
	}
	return &prepared4{ch, top, caps}, nil
}

// load4 returns a chart of its own, as Helm 4 loads it.
func (c *loadedChart) load4() (*chart.Chart, error) {
	files := make([]*archive.BufferedFile, len(c.raw))
	for i, f := range c.raw {
		files[i] = &archive.BufferedFile{Name: f.Name, Data: f.Data}
	}
	return loader.LoadFiles(files)
}

// layOut4 is layOut with Helm 4's own cut between documents.
func layOut4(ch *chart.Chart, rendered map[string]string) (manifest.Files, error) {
	out := output{}
	for _, crd := range ch.CRDObjects() {
		out.add(crd.Filename, string(crd.File.Data))
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

func schemaChart4(ch *chart.Chart) schemaChart {
	s := schemaChart{name: ch.Name(), path: ch.ChartFullPath(), schema: ch.Schema}
	for _, sub := range ch.Dependencies() {
		s.dependencies = append(s.dependencies, schemaChart4(sub))
	}
	return s
}

// silenceHelm4 keeps Helm 4's log lines off the worker's stderr.
func silenceHelm4() { slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil))) }
