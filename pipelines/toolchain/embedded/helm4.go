package embedded

import (
	"fmt"
	"slices"

	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader/archive"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	chartutil "helm.sh/helm/v4/pkg/chart/v2/util"
	"helm.sh/helm/v4/pkg/engine"
	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"

	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// prepare4 is prepare as Helm 4 does it.
func prepare4(c *loadedChart, r toolchain.Release, e environment) (*prepared, error) {
	kubeVersion, err := common.ParseKubeVersion(r.KubeVersion)
	if err != nil {
		return nil, fmt.Errorf("the Kubernetes version %q: %w", r.KubeVersion, err)
	}
	values, err := valuesOf(r)
	if err != nil {
		return nil, err
	}
	ch, err := c.load4()
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
	if err := chartutil.ProcessDependencies(ch, values); err != nil {
		return nil, chartError(err)
	}
	caps := common.DefaultCapabilities.Copy()
	caps.KubeVersion, caps.APIVersions = *kubeVersion, withoutForeign(caps.APIVersions, e)
	options := common.ReleaseOptions{Name: r.Name, Namespace: r.Namespace, Revision: 1, IsInstall: true}
	top, err := util.ToRenderValuesWithSchemaValidation(ch, values, options, caps, true)
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
			return engine.Engine{}.Render(ch, top) //nolint:staticcheck // nothing here can be cancelled
		},
		layOut: func(rendered map[string]string) (manifest.Files, error) { return layOut4(ch, rendered) },
	}, nil
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
