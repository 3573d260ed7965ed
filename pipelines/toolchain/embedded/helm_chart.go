package embedded

import (
	"bytes"
	"fmt"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"
)

// loadedChart is a chart unpacked once, to be rendered many times.
type loadedChart struct {
	raw []*loader.BufferedFile
	// shared is the chart itself where no render can change it; nil where it
	// has dependencies, which Helm enables, renames and merges in place.
	shared  *chart.Chart
	schemas schemas
	// listsVersions means that a text of the chart may list Helm's API versions.
	listsVersions bool
	// templates are those of shared; nil before the first render, and after one
	// that failed.
	templates *keptTemplates
}

// loadChart unpacks an archive with Helm's own checks of paths and sizes.
func loadChart(archive []byte) (*loadedChart, error) {
	raw, err := loader.LoadArchiveFiles(bytes.NewReader(archive))
	if err != nil {
		return nil, fmt.Errorf("the chart's archive does not load: %w", err)
	}
	c := &loadedChart{raw: raw, schemas: schemas{}}
	ch, err := c.load()
	if err != nil {
		return nil, fmt.Errorf("the chart does not load: %w", err)
	}
	c.listsVersions = listsVersions(ch)
	if ch.Metadata.Dependencies == nil && len(ch.Dependencies()) == 0 {
		c.shared = ch
	}
	return c, nil
}

// load returns a chart of its own. The files are copied because the loader
// renames those of subcharts in place.
func (c *loadedChart) load() (*chart.Chart, error) {
	files := make([]*loader.BufferedFile, len(c.raw))
	for i, f := range c.raw {
		files[i] = &loader.BufferedFile{Name: f.Name, Data: f.Data}
	}
	return loader.LoadFiles(files)
}

// fresh returns a chart that the next render may do with as Helm does.
func (c *loadedChart) fresh(e environment) (*chart.Chart, error) {
	if c.shared != nil && e.Apart == 0 {
		return c.shared, nil
	}
	return c.load()
}

// execute returns the text of each template, as Helm's engine does.
func (c *loadedChart) execute(ch *chart.Chart, top chartutil.Values, caps *chartutil.Capabilities) (map[string]string, error) {
	if ch == c.shared {
		if c.templates == nil {
			c.templates = keepTemplates(ch, caps)
		}
		if rendered, ok := c.templates.execute(top); ok {
			return rendered, nil
		}
		c.templates = nil
		begin(rendering.environment)
	}
	return engine.Engine{}.Render(ch, top)
}
