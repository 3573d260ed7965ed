package pipelines

import (
	"context"

	"kasou/pipelines/chart"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
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
	var c fleet.Cluster
	r, findings, err := choose(o)
	if err != nil || r == nil {
		return c, toolchain.Chart{}, findings, err
	}
	defer r.close()
	if len(r.clusters) == 0 {
		return c, toolchain.Chart{}, nil, &UnknownClusterError{Name: o.Names[0], Known: r.fleet.Names()}
	}
	c = r.clusters[0]
	lock, found, err := r.disk.ReadLock(c.Name)
	if findings = append(findings, found...); err != nil || findings.Failed() {
		return c, toolchain.Chart{}, findings, err
	}
	_, found, err = r.serviceRange.resolve(ctx, o, r.fleet, &c, lock)
	if findings = append(findings, found...); err != nil || findings.Failed() {
		return c, toolchain.Chart{}, findings, err
	}
	// The values themselves are not for a screen.
	r.onlyLooks, r.Getenv, r.OpenHost = true, nil, nil
	if _, _, err = r.hide(ctx, &c); err != nil {
		return c, toolchain.Chart{}, findings, err
	}
	ch, _, found, err := o.Charts.Fetch(ctx, c, chartLock(lock))
	return c, ch, append(findings, found...), err
}
