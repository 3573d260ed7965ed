// Package render is the stage that makes a cluster's manifests of its chart and
// values, as `helm template` does, and holds the result to what git needs: safe
// paths, and the same bytes every time.
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

// Job is a cluster, and the release that it is to Helm.
type Job struct {
	Cluster fleet.Cluster
	Release toolchain.Release
	// Once leaves out the look whether the chart renders the same every time.
	Once bool
}

// Result is what a cluster rendered to. The files have Helm's own paths, which start
// with the chart's name: vcluster/templates/…. There are none where a finding is an
// error. Err is the tool's, or the context's.
type Result struct {
	Files    manifest.Files
	Findings finding.List
	Err      error
}

// Manifests renders the releases of several clusters. The results have the jobs' order.
func Manifests(ctx context.Context, helm toolchain.Helm, jobs ...Job) []Result {
	releases := make([]toolchain.Release, len(jobs))
	for i, j := range jobs {
		releases[i] = j.Release
		releases[i].Determinism = !j.Once
	}
	results := make([]Result, len(jobs))
	for i, rendered := range helm.Template(ctx, releases...) {
		r := &results[i]
		r.Files, r.Findings, r.Err = judge(jobs[i].Cluster, releases[i], rendered)
	}
	return results
}

// judge turns what the chart did wrong into findings.
func judge(c fleet.Cluster, release toolchain.Release, rendered toolchain.Result[manifest.Files]) (manifest.Files, finding.List, error) {
	files, err := rendered.Get()
	var wrong *toolchain.ChartError
	var differs *toolchain.DeterminismError
	var found finding.List
	switch {
	case errors.As(err, &wrong):
		found = chartFindings(c, release.Chart, wrong)
		found.Sort()
		return nil, found, nil
	case errors.As(err, &differs):
		found = determinismFindings(c, differs)
	case err != nil:
		return nil, nil, fmt.Errorf("render %s: %w", c.Name, err)
	}
	found = append(found, pathFindings(c, files)...)
	found = append(found, lookupFindings(c, release.Chart)...)
	found.Sort()
	if found.Failed() {
		files = nil
	}
	return files, found, nil
}

// chartFindings puts what the schema refuses at the values, all else at the
// chart.
func chartFindings(c fleet.Cluster, ch toolchain.Chart, e *toolchain.ChartError) finding.List {
	name := ch.Name + " " + ch.Version
	var found finding.List
	for _, p := range e.Values {
		path := append([]string{"spec", "values"}, p.Path...)
		found = append(found, c.Finding(finding.Error, RuleValues, path,
			fmt.Sprintf("chart %s refuses the value %s: %s", name, dotted(p.Path), p.Message),
			"Change the value, or choose a chart version that has it; `kasou values "+c.Name+" --defaults` shows what the chart knows."))
	}
	if len(found) > 0 {
		return found
	}
	message := fmt.Sprintf("chart %s does not render: %s", name, e.Message)
	if at := place(e.Template, e.Line); at != "" {
		message = fmt.Sprintf("chart %s does not render, at %s: %s", name, at, e.Message)
	}
	return finding.List{c.Finding(finding.Error, RuleChart, []string{"spec", "chart"}, message,
		"Look at the values it was rendered with: kasou values "+c.Name+".")}
}

func determinismFindings(c fleet.Cluster, e *toolchain.DeterminismError) finding.List {
	var found finding.List
	for _, cause := range e.Causes {
		found = append(found, c.Finding(finding.Error, RuleImpure, []string{"spec", "chart"},
			"the chart renders differently every time: "+cause.String(),
			"Set the value that the template falls back from, such as a token or a password, or use a chart version that does not do this."))
	}
	return found
}

func place(template string, line int) string {
	if line == 0 {
		return template
	}
	return fmt.Sprintf("%s:%d", template, line)
}
