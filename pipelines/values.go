package pipelines

import (
	"context"

	"kasou/pipelines/chart"
	"kasou/pipelines/cluster"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
	"kasou/pipelines/workspace"
)

// Values gives the values.yaml of the one cluster in Options.Names: the
// effective values, or with defaults the chart's own. Where a finding is an
// error there is no text.
func Values(ctx context.Context, o Options, defaults bool) ([]byte, finding.List, error) {
	c, ch, findings, err := oneChart(ctx, o)
	if err != nil || findings.Failed() {
		return nil, findings, err
	}
	if defaults {
		text, err := chart.Defaults(ch)
		return text, findings, err
	}
	result, found := vcluster.Plan(c, ch)
	if findings = append(findings, found...); findings.Failed() {
		return nil, findings, nil
	}
	text, err := vcluster.MarshalValues(result.Values)
	return text, findings, err
}

func oneChart(ctx context.Context, o Options) (fleet.Cluster, toolchain.Chart, finding.List, error) {
	w, findings, err := workspace.Open(o)
	if err != nil || w == nil {
		return fleet.Cluster{}, toolchain.Chart{}, findings, err
	}
	defer w.Close()
	if len(w.Clusters) == 0 {
		return fleet.Cluster{}, toolchain.Chart{}, nil, &UnknownClusterError{Name: o.Names[0], Known: w.Fleet.Names()}
	}
	c, ch, found, err := cluster.ForShow(ctx, w, w.Clusters[0])
	return c, ch, append(findings, found...), err
}
