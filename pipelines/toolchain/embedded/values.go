package embedded

import (
	"context"

	"kasou/pipelines/toolchain"
)

// Values holds the values of releases against the values.schema.json of their
// charts, in workers as renders are, and renders nothing. Several goroutines may
// use it.
type Values struct{ helm *helmTool }

// NewValues gives one that starts nothing yet. It fails where New does.
func NewValues(opts Options) (*Values, error) {
	helm, err := newHelmTool(opts)
	if err != nil {
		return nil, err
	}
	return &Values{helm}, nil
}

// Conform says that Helm, with these values, would come as far as the chart's
// templates: chart, values and arguments are sound, and every schema agrees. It is
// false as well where that cannot be told, such as of a chart that does not load,
// a schema that takes too much time or memory, or once ctx has ended.
func (v *Values) Conform(ctx context.Context, r toolchain.Release) bool {
	_, err := v.helm.do(ctx, job{release: r, valuesOnly: true})
	return err == nil
}

// Close ends the workers. Calls still running give false.
func (v *Values) Close() error { return v.helm.close() }
