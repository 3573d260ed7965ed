package pipelines

import (
	"context"

	"kasou/pipelines/pin"
	"kasou/pipelines/report"
	"kasou/pipelines/upgrade"
	"kasou/pipelines/workspace"
)

// Lock pins each cluster's chart anew: whatever digest its source gives now
// goes into lock.yaml. It writes the schemas by which editors know the charts' values.
// With hop it first makes the next hop, as Upgrade does. With DryRun it says what it
// would do.
func Lock(ctx context.Context, o Options, hop bool) (*report.Report, error) {
	out := &report.Report{Command: "lock", DryRun: o.DryRun}
	if err := workspace.Sweep(ctx, &o); err != nil {
		return nil, err
	}
	r, err := workspace.Open(o, out)
	if err != nil || r == nil {
		return workspace.Sorted(out), err
	}
	defer r.Close()
	if hop {
		err := upgrade.Move(ctx, r, out, upgrade.Options{})
		if err != nil || out.Findings.Failed() || len(out.Unfinished) > 0 || o.DryRun {
			return workspace.Sorted(out), err
		}
		r, err = workspace.Open(o, out)
		if err != nil || r == nil {
			return workspace.Sorted(out), err
		}
		defer r.Close()
	}
	err = pin.Charts(ctx, r, out)
	return workspace.Sorted(out), err
}

// LockCertificate pins the sealing certificates of the fleet, as pin.Certificates does.
// With DryRun it says what it would do.
func LockCertificate(ctx context.Context, o Options, source, into string) (*report.Report, error) {
	out := &report.Report{Command: "lock", DryRun: o.DryRun}
	w, err := workspace.Open(o, out)
	if err != nil || w == nil {
		return workspace.Sorted(out), err
	}
	defer w.Close()
	err = pin.Certificates(ctx, w, out, source, into)
	return workspace.Sorted(out), err
}
