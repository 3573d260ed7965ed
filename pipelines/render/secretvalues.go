package render

import (
	"context"
	"errors"
	"fmt"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/toolchain"
)

// errSecretValues stands for an error that may quote a value.
var errSecretValues = errors.New("helm failed on the values of valuesFrom; what it says may quote them, and is not shown")

// WithSecretValues renders a chart that Manifests rendered already, with values in it
// that must not show. What goes wrong is said without Helm's own words.
func WithSecretValues(ctx context.Context, helm toolchain.Helm, c fleet.Cluster, release toolchain.Release) (manifest.Files, finding.List, error) {
	files, err := helm.Template(ctx, release)[0].Get()
	ch := release.Chart
	var wrong *toolchain.ChartError
	switch {
	case err == nil:
		return files, nil, nil
	case errors.As(err, &wrong):
		return nil, finding.List{c.Finding(finding.Error, RuleSecretValues, []string{"spec", "valuesFrom"},
			fmt.Sprintf("chart %s %s renders with placeholders, and not with the values of valuesFrom", ch.Name, ch.Version),
			"Look whether the values have the form that the chart wants; Helm's own message may quote them, and is not shown.")}, nil
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	}
	return nil, nil, fmt.Errorf("render %s: %w", c.Name, errSecretValues)
}
