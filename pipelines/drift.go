package pipelines

import (
	"context"
	"time"

	"kasou/pipelines/drift"
	"kasou/pipelines/report"
	"kasou/pipelines/upgrade"
	"kasou/pipelines/workspace"
)

// DriftOptions say how Drift looks.
type DriftOptions = drift.Options

// Drift finds what is no longer true of each cluster: see drift.Find. It repairs by
// Build and Register.
func Drift(ctx context.Context, o Options, d DriftOptions) (*report.Report, error) {
	d.Build, d.Register = Build, Register
	return drift.Find(ctx, o, d)
}

// UpgradeOptions say how far Upgrade goes.
type UpgradeOptions = upgrade.Options

// UnknownRingError is a name that no ring of the fleet has.
type UnknownRingError = upgrade.UnknownRingError

// Upgrade writes the next hop of each cluster's chart: see upgrade.Run. With Live it asks
// Drift whether a ring is healthy.
func Upgrade(ctx context.Context, o Options, u UpgradeOptions) (*report.Report, error) {
	u.Health = func(ctx context.Context, o workspace.Options, now time.Time) (*report.Report, error) {
		return Drift(ctx, o, DriftOptions{Live: true, Now: now})
	}
	return upgrade.Run(ctx, o, u)
}
