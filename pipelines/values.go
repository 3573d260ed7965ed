package pipelines

import (
	"cmp"
	"context"

	"kasou/pipelines/chart"
	"kasou/pipelines/cluster"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/position"
	"kasou/pipelines/report"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
	"kasou/pipelines/workspace"
)

// ValuesOptions say which values Values shows.
type ValuesOptions struct {
	// Defaults shows the chart's own values, in place of the effective ones.
	Defaults bool
	// Origin adds to each effective value where it was written.
	Origin bool
}

// Values returns the values.yaml of the one cluster in Options.Names. Where a finding is
// an error there is no text.
func Values(ctx context.Context, o Options, v ValuesOptions) ([]byte, finding.List, error) {
	c, ch, findings, err := oneChart(ctx, o)
	if err != nil || findings.Failed() {
		return nil, findings, err
	}
	if v.Defaults {
		text, err := chart.Defaults(ch)
		return text, findings, err
	}
	result, found := vcluster.Plan(c, ch)
	if findings = append(findings, found...); findings.Failed() {
		return nil, findings, nil
	}
	text, err := vcluster.MarshalValues(result.Values)
	if err == nil && v.Origin {
		text, err = position.Annotate(text, func(path []string) string { return cmp.Or(c.ValueOrigin(path), "kasou") })
	}
	return text, findings, err
}

func oneChart(ctx context.Context, o Options) (fleet.Cluster, toolchain.Chart, finding.List, error) {
	var seen report.Report
	w, err := workspace.Open(o, &seen)
	if err != nil || w == nil {
		return fleet.Cluster{}, toolchain.Chart{}, seen.Findings, err
	}
	defer w.Close()
	if len(w.Clusters) == 0 {
		return fleet.Cluster{}, toolchain.Chart{}, nil, &UnknownClusterError{Name: o.Names[0], Known: w.Fleet.Names()}
	}
	c, ch, found, err := cluster.ForShow(ctx, w, w.Clusters[0])
	return c, ch, append(seen.Findings, found...), err
}
