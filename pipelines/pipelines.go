// Package pipelines puts the stages in their order: fleet, chart, vcluster,
// render, argocd, seal, conform, tree. It decides nothing that a stage can
// decide.
package pipelines

import (
	"context"

	"kasou/pipelines/doctor"
	"kasou/pipelines/report"
	"kasou/pipelines/workspace"
)

// Options say what a pipeline works on and with.
type Options = workspace.Options

// Shard is a part of a fleet.
type Shard = workspace.Shard

// Pipeline is Build, Check or another of their kind.
type Pipeline = workspace.Pipeline

// UnknownClusterError is a name that no cluster has.
type UnknownClusterError = workspace.UnknownClusterError

// SettingError is an environment variable that makes no sense.
type SettingError = workspace.SettingError

// Doctor looks at everything that a build needs: see doctor.Run.
func Doctor(ctx context.Context, o Options) (*report.Report, error) { return doctor.Run(ctx, o) }
