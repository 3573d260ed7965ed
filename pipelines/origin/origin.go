// Package origin finds the value of a spec, or of the fleet's defaults, that makes a
// chart fail or render what is refused. It does so by execution: what is no longer found
// once a value is left out comes from that value.
package origin

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"kasou/pipelines/conform"
	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/manifest"
	"kasou/pipelines/render"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/vcluster"
)

// maxTrials bounds how often a cluster is rendered to find where its errors come from.
// A render takes some 10 ms.
const maxTrials = 100

// Request is a cluster with findings about what its chart renders.
type Request struct {
	Cluster fleet.Cluster
	// Release is what the cluster is to Helm.
	Release toolchain.Release
	// Findings have their places in rendered files, or at spec.chart.
	Findings finding.List
	// Folder is where the rendered files stand, from the repo's root.
	Folder string
}

// Tools run Helm and kubeconform.
type Tools interface {
	toolchain.Helm
	toolchain.Kubeconform
}

// Point returns the findings with those errors about rendered files, and about a chart
// that does not render, at the value that they come from: their rendered place stands in
// the hint then. What comes from no value stands at the chart. The error is that of a
// tool, or the context's.
func Point(ctx context.Context, tools Tools, schemas toolchain.Schemas, r Request) (finding.List, error) {
	p := pointer{Request: r, tools: tools, schemas: schemas}
	var wanted []int
	for i, f := range r.Findings {
		if p.concerns(f) {
			wanted = append(wanted, i)
		}
	}
	if len(wanted) == 0 {
		return r.Findings, nil
	}
	moved := slices.Clone(r.Findings)
	causes, err := p.causes(ctx, wanted)
	if err != nil {
		return r.Findings, err
	}
	for _, i := range wanted {
		moved[i] = p.moved(r.Findings[i], causes[i])
	}
	return moved, nil
}

type pointer struct {
	Request
	tools   Tools
	schemas toolchain.Schemas
}

func (p *pointer) concerns(f finding.Finding) bool {
	return f.Severity == finding.Error && (f.Rule == render.RuleChart ||
		strings.HasPrefix(string(f.Rule), "conform-") && strings.HasPrefix(f.File, p.Folder+"/"))
}

// moved returns a finding at its cause, nil where that is not a value.
func (p *pointer) moved(f finding.Finding, cause []string) finding.Finding {
	at, do := append([]string{"spec", "values"}, cause...), "Change the value."
	if cause == nil {
		at, do = []string{"spec", "chart"}, "No value of the spec alone makes it so: look at the chart's template, or choose another version."
	}
	hint := do + " " + f.Hint
	if f.Rule != render.RuleChart {
		hint = do + " It is rendered to " + f.Position() + ". " + f.Hint
	}
	return p.Cluster.Finding(f.Severity, f.Rule, at, f.Message, hint)
}

// causes returns the paths in spec.values of what the findings, by their indexes, come
// from.
func (p *pointer) causes(ctx context.Context, wanted []int) (map[int][]string, error) {
	causes := map[int][]string{}
	if len(p.Cluster.Spec.Values) == 0 {
		return causes, nil
	}
	before, open := p.counts(p.Findings), wanted
	named, others := p.candidates(wanted)
	for _, candidates := range [][][]string{named, others} {
		if len(open) == 0 {
			break
		}
		trials := []map[string]any{nil} // where leaving out all does not help, no value does
		for _, c := range candidates {
			trials = append(trials, dropped(p.Cluster.Spec.Values, c).(map[string]any))
		}
		results, err := p.try(ctx, trials)
		if err != nil {
			return nil, err
		}
		var left []int
		met := map[string]int{}
		for _, i := range open {
			key := keyOf(p.Findings[i])
			helps := func(n int) bool { return results[n][key] < before[key] }
			if !helps(0) {
				continue
			}
			if causes[i] = nth(candidates, met[key], func(n int) bool { return helps(n + 1) }); causes[i] == nil {
				left = append(left, i)
			}
			met[key]++
		}
		open = left
	}
	return causes, nil
}

// nth returns the nth of the candidates that fit, or the last; nil where none does. What
// another of them stands in is none.
func nth(candidates [][]string, n int, fits func(int) bool) []string {
	var found []string
	for i, c := range candidates {
		if !fits(i) || found != nil && len(c) < len(found) && slices.Equal(c, found[:len(c)]) {
			continue
		}
		found = c
		if n--; n < 0 {
			break
		}
	}
	return found
}

// candidates returns the paths of the values that the findings name, and of the others;
// what is in a list or a mapping before that.
func (p *pointer) candidates(wanted []int) (named, others [][]string) {
	words := map[string]bool{}
	for _, i := range wanted {
		for _, word := range word.FindAllString(p.Findings[i].Message, -1) {
			words[word] = true
		}
	}
	var all [][]string
	paths(p.Cluster.Spec.Values, nil, &all)
	late := func(path []string) int {
		if path[len(path)-1] == "enabled" { // without it, nothing is rendered
			return 1
		}
		return 0
	}
	slices.SortFunc(all, func(a, b []string) int {
		return cmp.Or(late(a)-late(b), len(b)-len(a), slices.Compare(a, b))
	})
	for _, path := range all[:min(len(all), maxTrials)] {
		if words[path[len(path)-1]] {
			named = append(named, path)
		} else {
			others = append(others, path)
		}
	}
	return named, others
}

var word = regexp.MustCompile(`[A-Za-z0-9_-]+`)

// paths adds the paths of all values at and below one.
func paths(value any, at []string, into *[][]string) {
	const deep = 50
	if len(at) > deep {
		return
	}
	if len(at) > 0 {
		*into = append(*into, slices.Clone(at))
	}
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			paths(inner, append(at, key), into)
		}
	case []any:
		for i, inner := range v {
			paths(inner, append(at, fmt.Sprint(i)), into)
		}
	}
}

// dropped returns a value without what it has at the path.
func dropped(value any, path []string) any {
	switch v := value.(type) {
	case map[string]any:
		out := map[string]any{}
		for key, inner := range v {
			switch {
			case key != path[0]:
				out[key] = inner
			case len(path) > 1:
				out[key] = dropped(inner, path[1:])
			}
		}
		return out
	case []any:
		out := []any{}
		for i, inner := range v {
			switch {
			case fmt.Sprint(i) != path[0]:
				out = append(out, inner)
			case len(path) > 1:
				out = append(out, dropped(inner, path[1:]))
			}
		}
		return out
	}
	return value
}

// try renders and validates the cluster with each of the values, and returns how often
// each error is found. Values that kasou itself refuses are taken to change nothing.
func (p *pointer) try(ctx context.Context, values []map[string]any) ([]map[string]int, error) {
	results := make([]map[string]int, len(values))
	var jobs []render.Job
	var of []int
	for i, v := range values {
		results[i] = p.counts(p.Findings)
		c := p.Cluster
		c.Spec.Values = v
		plan, found := vcluster.Plan(c, p.Release.Chart)
		text, err := vcluster.MarshalValues(plan.Values)
		if err != nil || found.Failed() {
			continue
		}
		release := p.Release
		release.Values = text
		jobs, of = append(jobs, render.Job{Cluster: c, Release: release, Once: true}), append(of, i)
	}
	var checks []conform.Job
	var checked []int
	for n, rendered := range render.Manifests(ctx, p.tools, jobs...) {
		if rendered.Err != nil {
			return nil, rendered.Err
		}
		results[of[n]] = p.counts(rendered.Findings)
		if rendered.Findings.Failed() {
			continue
		}
		files := manifest.Set{}
		for name, data := range rendered.Files {
			files.Add(manifest.Rendered, p.Folder+"/"+name, data)
		}
		checks, checked = append(checks, conform.Job{Cluster: p.Cluster, Files: files}), append(checked, of[n])
	}
	for n, valid := range conform.Check(ctx, p.tools, p.schemas, checks...) {
		found, err := valid.Get()
		if err != nil {
			return nil, err
		}
		for key, count := range p.counts(found) {
			results[checked[n]][key] += count
		}
	}
	return results, ctx.Err()
}

// counts returns how often each error is found that Point concerns.
func (p *pointer) counts(all finding.List) map[string]int {
	counts := map[string]int{}
	for _, f := range all {
		if p.concerns(f) {
			counts[keyOf(f)]++
		}
	}
	return counts
}

var index = regexp.MustCompile(`\[[0-9]+\]`)

// keyOf returns what a finding says, wherever in a list and in a file: what is left out
// moves the rest.
func keyOf(f finding.Finding) string {
	return string(f.Rule) + "\x00" + index.ReplaceAllString(f.Message, "[]")
}
