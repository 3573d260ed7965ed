package render

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kasou/pipelines/finding"
	"kasou/pipelines/fleet"
	"kasou/pipelines/toolchain"
	"kasou/pipelines/tree"
)

const (
	// maxAttributed bounds how many sites are tried one by one.
	maxAttributed = 32
	// moreRenders are made where chance has few results.
	moreRenders = 6
)

// purity says whether the release renders differently from itself, and which
// calls are to blame. Charts that cannot reach an impure function, nearly all,
// cost nothing.
func purity(ctx context.Context, helm toolchain.Helm, c fleet.Cluster, r toolchain.Release) (finding.List, error) {
	a := analyse(r.Chart.Digest, r.Chart.Archive)
	found := lookupFindings(c, a)
	w := &worlds{helm: helm, release: r, files: a.files, sites: a.sites}
	if a.evaluates {
		own, _ := textSites("", string(r.Values))
		w.sites = append(slices.Clip(a.sites), own...)
	}
	if err := w.dropUnevaluated(ctx); err != nil {
		return nil, err
	}
	if len(w.sites) == 0 {
		return found, nil
	}
	blamed, err := w.blame(ctx)
	if isChartError(err) {
		// The fixed results do not fit the templates: render as they are.
		w.sites = frozen(w.sites)
		blamed, err = w.blame(ctx)
	}
	if isChartError(err) {
		blamed, err = w.sites, nil // it renders once and not again
	}
	if err != nil {
		return nil, err
	}
	return append(found, impureFindings(c, a, blamed)...), nil
}

func isChartError(err error) bool {
	var e *toolchain.ChartError
	return errors.As(err, &e)
}

// dropUnevaluated keeps, of the calls in values and other text, those that the
// templates evaluate: a call to fail in its place breaks the render. Elsewhere
// the text is just text, and not rewritten.
func (w *worlds) dropUnevaluated(ctx context.Context) error {
	var kept []site
	for _, s := range w.sites {
		if s.loose {
			r, err := w.changed(map[string][]edit{s.file: {{s.call.start, s.call.end, "(fail `kasou`)"}}})
			if err != nil {
				return err
			}
			if _, err = w.helm.Template(ctx, r); err == nil {
				continue
			} else if !isChartError(err) {
				return err
			}
		}
		kept = append(kept, s)
	}
	w.sites = kept
	return nil
}

// frozen takes the rewrites away.
func frozen(sites []site) []site {
	plain := slices.Clone(sites)
	for i := range plain {
		plain[i].rewrite = nil
	}
	return plain
}

func never(int) bool  { return false }
func always(int) bool { return true }

// blame gives the sites that make the render differ; none where it does not.
func (w *worlds) blame(ctx context.Context) ([]site, error) {
	early, err := w.render(ctx, never)
	if err != nil {
		return nil, err
	}
	shaky, err := w.shaky(ctx, early)
	if err != nil {
		return nil, err
	}
	late, err := w.render(ctx, always)
	if err != nil {
		return nil, err
	}
	moved := differing(early, late)
	if len(moved) == 0 && len(shaky) == 0 {
		return nil, nil
	}
	var blamed []site
	for i, s := range w.sites {
		switch {
		case s.rewrite == nil && len(shaky) > 0:
			blamed = append(blamed, s)
		case s.rewrite != nil && i < maxAttributed:
			alone, err := w.render(ctx, func(j int) bool { return i == j })
			if err != nil {
				return nil, err
			}
			if slices.ContainsFunc(differing(early, alone), func(name string) bool { return !slices.Contains(shaky, name) }) {
				blamed = append(blamed, s)
			}
		}
	}
	if len(blamed) == 0 {
		return w.sites, nil
	}
	return blamed, nil
}

// shaky gives the files that differ although every function that can be fixed
// is fixed.
func (w *worlds) shaky(ctx context.Context, early tree.Files) ([]string, error) {
	times := 0
	for _, s := range w.sites {
		if s.rewrite == nil {
			times = max(times, 1)
		}
		if coarse[s.function] {
			times = moreRenders
		}
	}
	defer func() { w.release.Again = 0 }()
	for n := range times {
		w.release.Again = n + 1
		again, err := w.render(ctx, never)
		if err != nil {
			return nil, err
		}
		if names := differing(early, again); len(names) > 0 {
			return names, nil
		}
	}
	return nil, nil
}

// differing gives the paths that are not the same in both, sorted.
func differing(a, b tree.Files) []string {
	var names []string
	for _, name := range a.Paths() {
		if other, ok := b[name]; !ok || !bytes.Equal(a[name], other) {
			names = append(names, name)
		}
	}
	for _, name := range b.Paths() {
		if _, ok := a[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func impureFindings(c fleet.Cluster, a *analysis, blamed []site) finding.List {
	var found finding.List
	for _, s := range blamed {
		path, at := []string{"spec", "chart"}, place(a.chart+"/"+s.file, s.line)
		if s.file == "" {
			path, at = []string{"spec", "values"}, place("values.yaml", s.line)
		}
		found = append(found, c.Finding(finding.Error, RuleImpure, path,
			fmt.Sprintf("the chart renders differently every time: %s calls `%s`", at, s.function),
			"set the value that the template falls back from, such as a token or a password, or use a chart version without the call"))
	}
	return slices.CompactFunc(found, func(x, y finding.Finding) bool { return x == y })
}

// lookupFindings notes once what never finds anything.
func lookupFindings(c fleet.Cluster, a *analysis) finding.List {
	if len(a.lookups) == 0 {
		return nil
	}
	var at []string
	for _, s := range a.lookups {
		at = append(at, place(a.chart+"/"+s.file, s.line))
	}
	return finding.List{c.Finding(finding.Note, RuleLookup, []string{"spec", "chart"},
		"the chart calls `lookup`, which finds nothing where manifests are rendered without a cluster: "+strings.Join(slices.Compact(at), ", "),
		"where the chart has a value for what it looks up, set it")}
}
