package pipelines

import (
	"context"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/register"
	"kasou/pipelines/report"
	"kasou/pipelines/retire"
	"kasou/pipelines/seal"
	"kasou/pipelines/trust"
	"kasou/pipelines/workspace"
)

// Registration says where Register takes kubeconfigs from.
type Registration = register.Source

// Register seals each cluster's credential into the Argo CD cluster Secret
// DIR/root/NAME.cluster.yaml. Where nothing has changed it writes nothing. A
// cluster that has not booted yet is a note.
func Register(ctx context.Context, o Options, from Registration) (*report.Report, error) {
	out := &report.Report{Command: "register", DryRun: o.DryRun}
	if err := workspace.Sweep(ctx, &o); err != nil {
		return nil, err
	}
	w, err := workspace.Start(ctx, o, out)
	if err != nil || w == nil {
		return workspace.Sorted(out), err
	}
	defer w.Close()
	if hosts := w.Hosts.Under(w.Clusters); len(hosts) == 1 && from.Kubeconfig == nil {
		if _, err := hosts[0].Open(); err != nil {
			return workspace.Sorted(out), err
		}
	}
	if w.Key == nil && len(w.Trust.Keys) > 0 {
		out.Findings = append(out.Findings, w.Fleet.Finding(finding.Error, register.RuleNoSealKey, trust.PublicKeyField,
			"a registration has to be signed, and there is no "+seal.KeyEnv, "Run kasou register where "+seal.KeyEnv+" is, such as in CI."))
		return workspace.Sorted(out), nil
	}
	r := register.Registrar{Workspace: w}
	w.ForAll(ctx, out, o.Jobs, func(ctx context.Context, c fleet.Cluster) workspace.Outcome { return r.Cluster(ctx, c, from) })
	silence(w, out)
	return workspace.Sorted(out), ctx.Err()
}

// Retire leads one cluster out of the fleet: see retire.Lead.
func Retire(ctx context.Context, o Options, name string, live bool) (*report.Report, error) {
	return retire.Lead(ctx, o, name, live)
}
