package embedded

import (
	"bytes"
	"context"
	"path"
	"slices"
	"sync"

	"helm.sh/helm/v3/pkg/chart/loader"

	"kasou/pipelines/toolchain"
)

// Checker does in workers, as renders are, what a toolchain needs that has another
// program render: it holds values against schemas, and sees whether a chart renders
// the same every time. Several goroutines may use it.
type Checker struct {
	helm *helmTool

	mu sync.Mutex
	// bare holds for each chart's digest whether it plainly has no schema.
	bare map[string]bool
}

// NewChecker returns a Checker that starts nothing yet. It fails where New does.
func NewChecker(opts Options) (*Checker, error) {
	helm, err := newHelmTool(opts)
	if err != nil {
		return nil, err
	}
	return &Checker{helm: helm, bare: map[string]bool{}}, nil
}

// Conform says that Helm would not refuse the values for what a schema says. It is
// false as well where that cannot be told: where Helm does not come as far, a schema
// takes too much time or memory, or ctx ends meanwhile.
func (c *Checker) Conform(ctx context.Context, r toolchain.Release) bool {
	if r.Chart.Digest != "" && c.plainlyNone(r.Chart) {
		return true
	}
	return nil == c.helm.with(ctx, r, func(s *turn) error {
		_, err := s.do(ctx, job{Release: r, ValuesOnly: true})
		return err
	})
}

// Determinism returns a *toolchain.DeterminismError for a release that does not
// render the same every time. Other errors are Toolchain.Template's.
func (c *Checker) Determinism(ctx context.Context, r toolchain.Release) error {
	r.Determinism = true
	_, err := c.helm.template(ctx, r)
	return err
}

// Close ends the workers. Calls still running fail.
func (c *Checker) Close() error { return c.helm.close() }

// plainlyNone says that the chart has no schema, so that no worker has to look.
func (c *Checker) plainlyNone(ch toolchain.Chart) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	none, known := c.bare[ch.Digest]
	if !known {
		none = hasNoSchema(ch.Archive)
		c.bare[ch.Digest] = none
	}
	return none
}

// hasNoSchema is false where it cannot be told, such as of an archive with others
// in it.
func hasNoSchema(archive []byte) bool {
	files, err := loader.LoadArchiveFiles(bytes.NewReader(archive))
	return err == nil && !slices.ContainsFunc(files, func(f *loader.BufferedFile) bool {
		return path.Base(f.Name) == "values.schema.json" || path.Ext(f.Name) == ".tgz"
	})
}
