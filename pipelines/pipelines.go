// Package pipelines puts the stages in their order: fleet, chart, vcluster,
// render, argocd, seal, conform, tree. It decides nothing that a stage can
// decide.
package pipelines

import (
	"context"

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

// start is workspace.Start for a report, which gets what it finds.
func start(ctx context.Context, o Options, out *report.Report) (*workspace.Workspace, error) {
	w, findings, err := workspace.Start(ctx, o)
	out.Findings = append(out.Findings, findings...)
	if w != nil {
		out.Text, out.Tools = w.Fleet.Text, w.Toolchain.Versions(w.Fleet.Spec.Helm)
	}
	return w, err
}

// open is workspace.Open for a report, which gets what it finds.
func open(o Options, out *report.Report) (*workspace.Workspace, error) {
	w, findings, err := workspace.Open(o)
	out.Findings = append(out.Findings, findings...)
	return w, err
}
