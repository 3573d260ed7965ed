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

// Values holds the values of releases against the values.schema.json of their
// charts, in workers as renders are, and renders nothing. Several goroutines may
// use it.
type Values struct {
	helm *helmTool

	mu sync.Mutex
	// bare holds for each chart's digest whether it plainly has no schema.
	bare map[string]bool
}

// NewValues gives one that starts nothing yet. It fails where New does.
func NewValues(opts Options) (*Values, error) {
	helm, err := newHelmTool(opts)
	if err != nil {
		return nil, err
	}
	return &Values{helm: helm, bare: map[string]bool{}}, nil
}

// Conform says that Helm would not refuse the values for what a schema says. It is
// false as well where that cannot be told: where Helm does not come as far, a schema
// takes too much time or memory, or ctx ends meanwhile.
func (v *Values) Conform(ctx context.Context, r toolchain.Release) bool {
	if r.Chart.Digest != "" && v.plainlyNone(r.Chart) {
		return true
	}
	_, err := v.helm.do(ctx, job{release: r, valuesOnly: true})
	return err == nil
}

// Close ends the workers. Calls still running give false.
func (v *Values) Close() error { return v.helm.close() }

// plainlyNone says that the chart has no schema, so that no worker has to look.
func (v *Values) plainlyNone(c toolchain.Chart) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	none, known := v.bare[c.Digest]
	if !known {
		none = hasNoSchema(c.Archive)
		v.bare[c.Digest] = none
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
